"""Words of others as they may stand in a sentence of ours.

What users said is quoted. What comes from a tool or from the assistant is data as well as quotation: it is stripped of
what could be more than words, and left out where it gives orders. A name of a program can be no sentence.
"""

from __future__ import annotations

import re
import unicodedata

MAX_SPAN_CHARS = 120
"""Of a foreign span: an error's telling line and an argument are shorter."""

MAX_READ_CHARS = 2_000
"""Of a foreign span are read: no more of it is shown."""

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_ADDRESS = re.compile(r"\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.)\S+", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|\[/?INST\]|<\|[^|]{0,40}\|>")
_MARKUP = re.compile(r"[`*#~|]+|_{2,}|\[m_")

_CHECK = r"(?:confirmations?|approvals?|verifications?|authori[sz]ations?|permissions?|polic(?:y|ies)|checks?)"
_DEED = (
    r"(?:call|run|send|transfer|execute|delete|forward|reveal|disclose|e-?mail|visit|download|upload|pay|wire|approve"
    r"|refund|share|grant|disable)"
)
"""What does harm when it is done because a tool said so; with other verbs an error tells what it wants."""

_OBJECT = r"(?:all|the|this|that|any|every|each|your|his|her|their|it|them|us|me|my|an?|\d[\d.,]*|\w+_\w+|\w+\(\))"
"""With one of these after it such a word is a verb: "call get_user" rather than "call stack"."""

_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|skip)\b.{0,60}\b"
    rf"(?:instruct\w*|prompts?|rules?|previous|prior|above|safety|{_CHECK})\b"
    r"|\b(?:previous|prior|earlier|above) (?:instruct\w*|prompts?|rules)\b"
    r"|\b(?:system prompt|new instructions?|from now on|you are now|do not tell|don't tell)\b"
    r"|\bpolic(?:y|ies) (?:(?:has|have|is|was|were) )?(?:been |now )?(?:updated|changed|lifted)\b"
    r"|\byou (?:must|should|have to|need to) (?:now|always|never|immediately|first)\b"
    rf"|\byou (?:may|can|are (?:allowed|free|authori[sz]ed) to) (?:\w+ly |now )?(?:ignore|skip|bypass|{_DEED})\b"
    r"|\bapproved?\b.{0,40}\b(?:refunds?|transfers?|payments?|purchases?|requests?)\b"
    rf"|\bneeds? no (?:\w+ )?{_CHECK}\b|\b(?:not|n't) (?:need|require) (?:any |\w+ )?{_CHECK}\b"
    rf"|\bno (?:\w+ )?{_CHECK} (?:(?:is|are) )?(?:needed|required|necessary)\b"
    # German
    r"|\b(?:ignorier|missacht|vergiss|vergesst|überspring|umgeh)\w*\b.{0,60}\b"
    r"(?:anweisung|regel|vorherig|bisherig|obig|bestätigung|genehmigung|freigabe|prüfung)\w*"
    r"|\b(?:ab (?:jetzt|sofort)|du bist (?:jetzt|nun)|sie sind (?:jetzt|nun))\b"
    r"|\bkeine (?:\w+ )?(?:bestätigung|genehmigung|freigabe|zustimmung|prüfung) (?:\w+ )?"
    r"(?:nötig|notwendig|erforderlich)"
    r"|\b(?:bitte|immer|niemals|sofort|zuerst) .{0,40}"
    r"\b(?:ruf|sende|schick|überweis|führe|lösch|genehmig|leite|teile)\w*"
    r"|\b(?:rufe?|sende|schicke?|überweise?|führe|lösche|genehmige|leite) .{0,60}\b(?:auf|an|aus|alle|weiter)\b"
    r"|\b(?:darfst|dürfen) .{0,60}(?:teilen|senden|weitergeben|überspringen|genehmigen)\b"
    # Spanish
    r"|\b(?:ignor[ae]|olvid[ae]|omit[ae]|salt[ae]|desobede[cz])\w*\b.{0,60}\b"
    r"(?:instruccion|regla|anterior|previ[ao]|confirmaci|aprobaci|verificaci|autorizaci)\w*"
    r"|\b(?:a partir de ahora|de ahora en adelante|ahora eres)\b"
    r"|\b(?:no (?:se )?(?:necesit|requier|hace falta)\w*) (?:\w+ )?(?:confirmaci|aprobaci|verificaci|autorizaci)\w*"
    r"|\b(?:siempre|nunca|por favor|primero|inmediatamente),? "
    r"(?:llam|env[ií]|transf|ejecut|elimin|borr|aprueb|aprob|reenv|pag|compart)\w*"
    r"|\b(?:llama a|env[ií]a|transfiere|ejecuta|reenv[ií]a|aprueba) "
    r"(?:el|la|los|las|tod[ao]s?|este|esta|un|una|\w+_\w+)\b"
    r"|\bpued(?:es?|en) (?:compartir|enviar|omitir|aprobar|transferir)\b"
    # French
    r"|\b(?:ignor|oubli|saut|contourn|passe[rz]? outre)\w*\b.{0,60}\b"
    r"(?:instruction|consigne|règle|précédent|ci-dessus|confirmation|approbation|vérification|autorisation)\w*"
    r"|\b(?:à partir de maintenant|désormais|tu es maintenant|vous êtes maintenant)\b"
    r"|\b(?:aucune |pas besoin d['’])(?:confirmation|approbation|vérification|autorisation)\b"
    r"|\b(?:toujours|jamais|d['’]abord|immédiatement|veuillez|s['’]il (?:te|vous) plaît),? "
    r"(?:appel|envo|transf|exécut|supprim|approuv|pay|partag)\w*"
    r"|\b(?:appel(?:le|lez)|envo(?:ie|yez)|transf[èé]re[rz]?|exécute[rz]?|approuve[rz]?) "
    r"(?:le|la|les|tou(?:s|te|tes)|ce|cette|un|une|\w+_\w+)\b"
    r"|\b(?:peux|pouvez) (?:partager|envoyer|ignorer|approuver|transférer)\b"
    # Chinese
    r"|(?:忽略|无视|無視|忽视|忽視|忘记|忘記|忘掉|跳过|跳過|绕过|繞過|不要理会).{0,20}"
    r"(?:指令|指示|提示|规则|規則|之前|以前|先前|上述|以上|前面|确认|確認|审批|審批|批准|验证|驗證)"
    r"|从现在(?:开始|起)|從現在(?:開始|起)|你现在是|你現在是|系统提示|系統提示"
    r"|(?:无需|無需|不需要|无须|不必|不用).{0,6}(?:批准|审批|審批|确认|確認|授权|授權|验证|驗證)"
    r"|(?:请|請|必须|必須|立即|马上|首先|总是|總是).{0,6}"
    r"(?:调用|調用|运行|運行|执行|執行|发送|發送|转账|轉賬|转发|轉發|删除|刪除|批准|支付)"
    r"|(?:你|您)(?:现在)?可以.{0,4}(?:分享|共享|透露|发送|批准|转账)",
    re.IGNORECASE,
)
"""Words that speak to the model, wherever they stand. In other languages they stand as the quotation that they are."""

_IMPERATIVE = re.compile(
    rf"(?:\A|[.;:!?,]\s+|\b(?:just|then|and|must|should|required to|need to|have to) ){_DEED} {_OBJECT}(?!\w)"
    r"|\b(?:always|never|immediately|please|now|kindly|first) (?:\w+ )?"
    rf"(?:{_DEED}|open|fetch|answer|reply|say|tell|use)\b"
    r"|(?<!to )(?<!not )(?<!n't )\b(?:send|forward|transfer|upload|wire|pay|e-?mail)(?: (?!to\b)\S+){1,8} to\b"
    r"|\b(?:curl|wget|sudo|rm -\w+) \w|\b(?:pip3?|npm|yarn|brew|apt(?:-get)?) install\b"
    r"|\b(?:system|assistant|user|developer|admin|administrator|important)\s*:",
    re.IGNORECASE,
)
"""Orders by their form. Short names have it too ("delete_all_rows") and are none."""

MAX_NAME_WORDS = 5
"""A name with more of them may be an order: "send_message_to_user" is none."""

_NO_NAME = re.compile(r"[^\w.:/\[\]-]+")
_JOINT = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
"""Between the words of a name."""


def quoted(text: str, limit: int = MAX_SPAN_CHARS) -> str:
    """Words as one line in quotation marks, verbatim up to a limit of characters; no other such mark is inside."""
    plain = " ".join(text.split()).replace('"', "'")
    return f'"{plain[: limit - 1].rstrip()}…"' if len(plain) > limit else f'"{plain}"'


def inert(text: str, limit: int = MAX_SPAN_CHARS) -> str:
    """A foreign span that can only be read: quoted, without markup, links and addresses; empty when it gives orders."""
    plain = _LINK.sub(r"\1", _visible(text))
    for pattern in (_ADDRESS, _TAG, _MARKUP):
        plain = pattern.sub(" ", plain)
    plain = " ".join(plain.split())
    return "" if not plain or _ORDER.search(plain) or _IMPERATIVE.search(plain) else quoted(plain, limit)


def name(text: str) -> str:
    """The name of a tool, a field, a file or a test; empty when it reads like an order."""
    plain = _NO_NAME.sub(" ", _visible(text)).strip()[:MAX_SPAN_CHARS]
    words = _JOINT.sub(" ", plain)
    is_long = words.count(" ") >= MAX_NAME_WORDS
    is_imperative = _IMPERATIVE.search(plain) if " " in plain else is_long and _IMPERATIVE.match(words)
    return "" if is_imperative or _ORDER.search(words) else plain


def _visible(text: str) -> str:
    """Words as a reader takes them in: letters in their plain form, nothing between them that is not seen, one line."""
    plain = unicodedata.normalize("NFKC", text[:MAX_READ_CHARS])
    seen = (one for one in plain if one.isspace() or unicodedata.category(one) not in ("Cc", "Cf"))
    return " ".join("".join(seen).split())
