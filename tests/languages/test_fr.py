"""French: what is stated, what only sounds like it, and what is taken back."""

from __future__ import annotations

import pytest

from gateway.kinds.sentences import is_off_the_record
from tests.stated import ended, kinds_of, stated

STATED = [
    ("constraint", "Pas plus de cinq phrases par réponse."),
    ("constraint", "Réponds toujours en français."),
    ("constraint", "Toujours répondre en français."),
    ("constraint", "N’utilise jamais d’emojis, s’il te plaît."),
    ("constraint", "Ne mentionne jamais mon âge."),
    ("constraint", "Désormais, réponds en anglais."),
    ("constraint", "À partir de maintenant, utilise des tabulations."),
    ("constraint", "Réponds en anglais."),
    ("constraint", "Parle-moi en espagnol stp."),
    ("constraint", "N'utilise pas d'emojis."),
    ("constraint", "Ne propose pas de plats végétariens surgelés."),
    ("constraint", "Arrête de t'excuser."),
    ("constraint", "Garde tes réponses courtes."),
    ("constraint", "Je veux que tu cites toujours tes sources."),
    ("constraint", "Tu dois toujours demander avant de supprimer."),
    ("constraint", "Quand je demande une recette, n'ajoute jamais de noix."),
    ("constraint", "Chaque fois que je demande du code, ajoute un test."),
    ("constraint", "Toutes les réponses doivent avoir une source."),
    ("constraint", "Tutoie-moi."),
    ("constraint", "Plus d'emojis, s'il te plaît."),
    ("constraint", "Ne jamais pousser sur main."),
    ("constraint", "Tu peux répondre toujours en français ?"),
    ("constraint", "Utilise désormais des tabulations au lieu d'espaces."),
    ("constraint", "Important : n'utilise jamais eval."),
    ("constraint", "Pense à toujours lancer les tests."),
    ("constraint", "Ajoute un test à chaque fonction."),
    ("preference", "J'aime le café noir."),
    ("preference", "Je n'aime pas les olives."),
    ("preference", "Je déteste la coriandre."),
    ("preference", "J'adore la randonnée."),
    ("preference", "Je préfère le thé au café."),
    ("preference", "Ma couleur préférée est le vert."),
    ("preference", "Appelle-moi Max."),
    ("preference", "Tu peux m'appeler Anne."),
    ("preference", "Je ne supporte pas les hôtels bruyants."),
    ("preference", "Je suis un grand fan de Tati."),
    ("fact", "J'habite à Lyon."),
    ("fact", "Bonjour, je vis près de Nantes."),
    ("fact", "Je viens de déménager à Bordeaux."),
    ("fact", "Je travaille comme infirmière."),
    ("fact", "Je suis professeure."),
    ("fact", "Je suis végane."),
    ("fact", "Je suis allergique aux arachides."),
    ("fact", "J'ai 34 ans."),
    ("fact", "J'ai deux enfants."),
    ("fact", "J'ai de l'asthme."),
    ("fact", "Je ne mange pas de porc."),
    ("fact", "Je m'appelle Zoé."),
    ("fact", "Mon nom est Jean Dupont."),
    ("fact", "Mon anniversaire est le 3 mai."),
    ("fact", "Ma femme s'appelle Ève."),
    ("fact", "Mon chien est allergique au poulet."),
    ("fact", "J'utilise Linux."),
    ("fact", "On utilise Postgres."),
    ("fact", "Je suis passé de vim à emacs."),
    ("fact", "Je parle portugais."),
    ("fact", "Je n'habite plus à Lyon."),
    ("fact", "Je suis né à Gand."),
    ("fact", "Mon fuseau horaire est CET."),
    ("constraint", "Termine chaque réponse par une question."),
    ("constraint", "Quand je demande une recette, indique les calories."),
    ("constraint", "Quand tu cites une loi, donne l'article."),
    ("constraint", "Si tu n'es pas sûr, dis que tu ne sais pas."),
    ("constraint", "Les fonctions doivent avoir des types."),
    ("constraint", "Utilise le système métrique dans tout ce que tu m'écris."),
    ("constraint", "J'aimerais que tu finisses chaque réponse par un résumé."),
    ("constraint", "N'utilise pas le mot synergie."),
    ("constraint", "Demande-moi avant de supprimer un fichier."),
    ("constraint", "Tes réponses doivent être courtes."),
    ("constraint", "Indique la source quand tu cites un livre."),
    ("constraint", "Je ne veux pas d'emojis dans tes réponses."),
    ("constraint", "Dans ce projet, utilise pnpm."),
    ("constraint", "Toujour répondre en français."),
    ("constraint", "C'est illisible, donc n'utilise jamais le rouge."),
    ("fact", "Mon médecin est Anne Colin."),
    ("fact", "Notre branche principale s'appelle trunk."),
    ("fact", "Mon casier est le numéro 17."),
    ("fact", "Je suis du matin."),
    ("fact", "On déploie avec Jenkins."),
    ("fact", "Ma fille Lola commence l'école."),
    ("fact", "Je suis plus à l'aise avec React."),
    ("fact", "Nous sommes une équipe de sept."),
    ("fact", "Nos horaires sont de 9h à 17h."),
]

NOTHING = [
    "Pourquoi est-ce que ça plante toujours ?",
    "Dis-moi pourquoi ça ne marche jamais.",
    "Je suis toujours en retard.",
    "Je n'y suis jamais allé.",
    "Il ne répond jamais.",
    "Toujours la même erreur.",
    "Mon chef dit toujours non.",
    "Écris un poème sur la mer.",
    "Cette fois, réponds toujours en anglais.",
    "N'utilise pas de tabulations ici.",
    "Ne t'inquiète pas.",
    "Dois-je toujours utiliser des types ?",
    "Désormais le bus s'arrête ici.",
    "Traduis ceci : J'habite à Rome. Réponds toujours poliment.",
    "Résume ce texte :\nTous les visiteurs doivent s'inscrire. Ne partagez jamais votre clé.",
    "Résume ça s'il te plaît :\nAlways wear a badge. Never share your password.",
    "Écris une histoire sur un chien. J'habite à Rome. J'adore les chats.",
    "Mon chef dit : ne sois jamais en retard.",
    "Chère Madame,\nj'habite à Rome.\nCordialement,\nJo",
    "> Réponds toujours en français.",
    "J'aime ça.",
    "J'adore cette idée.",
    "J'aime bien la première.",
    "Je préfère la deuxième.",
    "Je voudrais une table.",
    "J'aimerais réserver un hôtel.",
    "Est-ce que j'aime la coriandre ?",
    "Elle dit que j'aime le jazz.",
    "Mon frère aime le jazz.",
    "Je suis fatigué.",
    "Je suis à la gare.",
    "J'ai une question.",
    "J'ai deux options.",
    "Si j'habite à Rome, je paie là-bas.",
    "Imagine que j'habite à Rome.",
    "J'habitais à Rome.",
    "J'utilise ça tous les jours.",
    "Je travaille dans ce fichier.",
    "Je ne vois plus l'erreur.",
    "Je viens de finir.",
    "Ne retiens pas ça, mais j'habite à Rome.",
    "Entre nous : je déteste mon chef.",
    "Appelle-moi demain.",
    "Si le test échoue, corrige-le.",
    "Quand tu as fini, fais un commit.",
    "Chaque fois que j'ouvre l'appli, elle plante.",
    "La fonction doit renvoyer un nombre.",
    "Termine tous les processus.",
    "Mon code est cassé.",
    "Ma question est simple.",
    "Mon problème est le numéro 4.",
    "Mon vol est à 9h.",
    "Mon mot de passe est hunter2.",
    "Notre test échoue.",
    "On utilise ça souvent.",
    "Mon train est à 5h.",
    "Quand j'écris cela, réponds.",
]

ENDED = [
    ("Réponds toujours en français.", "Désormais, réponds en anglais."),
    ("J'habite à Lyon.", "Je viens de déménager à Bordeaux."),
    ("Appelle-moi Max.", "Appelle-moi Docteur Moore."),
    ("Je suis végétarien.", "Je suis végane."),
    ("Garde tes réponses courtes.", "Je préfère des réponses détaillées."),
    ("J'utilise vim.", "Je suis passé de vim à emacs."),
    ("Ma couleur préférée est le vert.", "Ma couleur préférée est le bleu."),
    ("Je travaille comme cuisinier.", "Je suis professeure."),
    ("J'aime la coriandre.", "Je n'aime pas la coriandre."),
    ("J'adore la coriandre.", "Je déteste la coriandre."),
    ("Utilise toujours des points-virgules.", "N'utilise jamais de points-virgules."),
    ("Tutoie-moi.", "Vouvoyez-moi."),
    ("N'utilise jamais d'emojis.", "Tu peux à nouveau utiliser des emojis."),
    ("N'utilise pas d'emojis.", "Les smileys sont de nouveau autorisés."),
    ("Cite toujours tes sources.", "Tu n'as plus besoin de citer tes sources."),
    ("Réponds toujours en espagnol.", "Plus besoin de répondre en espagnol."),
    ("Je suis végane.", "Je ne suis plus végane."),
    ("J'habite à Lyon.", "Je n'habite plus à Lyon."),
    ("Je ne mange pas de viande.", "Je mange à nouveau de la viande."),
    ("J'aime le jazz.", "Oublie ce que j'ai dit sur le jazz."),
    ("N'utilise jamais d'emojis.", "Oublie la règle sur les emojis."),
    ("Utilise toujours requests.", "Utilise désormais httpx au lieu de requests."),
]

LEFT = [
    ("N'utilise jamais d'emojis.", "Tu peux à nouveau utiliser des tableaux."),
    ("Je suis végane.", "Ma sœur n'est plus végane."),
    ("J'habite à Lyon.", "Mon frère habite à Rome."),
    ("Réponds toujours en français.", "Réponds en anglais dans cette conversation."),
    ("N'utilise jamais d'emojis.", "Pour une fois, tu peux à nouveau utiliser des emojis."),
    ("Réponds toujours en français.", "Quand je parle du travail, réponds toujours en anglais."),
    ("Je suis allergique aux noix.", "Je suis allergique aux œufs."),
    ("N'utilise jamais d'emojis.", "Tu peux à nouveau utiliser des emojis ?"),
    ("J'habite à Lyon.", "Traduis ceci : je n'habite plus à Lyon."),
    ("J'adore la coriandre.", "Je déteste les lundis."),
    ("Cite toujours tes sources.", "Tu n'as plus besoin de crier."),
    ("Je suis végane.", "Je ne suis plus sûr."),
]

OFF_THE_RECORD = [
    "Ne retiens pas ça : mon code est 1234.",
    "Que ça reste entre nous, merci.",
    "Oublie ce que je viens de dire.",
    "N'enregistre pas ce message.",
]


@pytest.mark.parametrize(("kind", "text"), STATED)
def test_what_is_stated_is_kept(kind: str, text: str) -> None:
    assert kinds_of(text) == [kind]


@pytest.mark.parametrize("text", NOTHING)
def test_what_only_sounds_like_it_is_not_kept(text: str) -> None:
    assert kinds_of(text) == []


@pytest.mark.parametrize(("before", "message"), ENDED)
def test_what_is_replaced_or_taken_back_ends(before: str, message: str) -> None:
    assert set(ended(before, message)) == {stated(before)[0].text}


@pytest.mark.parametrize(("before", "message"), LEFT)
def test_in_doubt_nothing_ends(before: str, message: str) -> None:
    assert ended(before, message) == {}


@pytest.mark.parametrize("text", OFF_THE_RECORD)
def test_a_message_may_be_off_the_record(text: str) -> None:
    assert is_off_the_record(text)


def test_what_is_said_for_this_chat_holds_in_it() -> None:
    assert [memory.reach for memory in stated("Dans cette conversation, réponds toujours en anglais.")] == ["session"]
    assert [memory.reach for memory in stated("Sois bref. Utilise uniquement Python.", is_first=True)] == [
        "session"
    ] * 2


@pytest.mark.parametrize(
    "text", ["Dans ce chat, réponds uniquement par oui ou non.", "Réponds en un mot dans cette conversation."]
)
def test_an_order_for_this_chat_needs_no_word_that_lasts(text: str) -> None:
    assert [(memory.kind, memory.reach) for memory in stated(text)] == [("constraint", "session")]
