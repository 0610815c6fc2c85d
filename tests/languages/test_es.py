"""Spanish: what is stated, what only sounds like it, and what is taken back."""

from __future__ import annotations

import pytest

from gateway.kinds.sentences import is_off_the_record
from tests.stated import ended, kinds_of, stated

STATED = [
    ("constraint", "No más de cinco frases por respuesta."),
    ("constraint", "De ahora en adelante tutea a mis alumnos."),
    ("constraint", "Responde siempre en español."),
    ("constraint", "Por favor, nunca uses emojis."),
    ("constraint", "¡Nunca menciones mi edad!"),
    ("constraint", "Siempre usa unidades métricas."),
    ("constraint", "A partir de ahora, responde en inglés."),
    ("constraint", "De ahora en adelante no uses viñetas."),
    ("constraint", "Responde en francés."),
    ("constraint", "Háblame en inglés, por favor."),
    ("constraint", "No uses emojis."),
    ("constraint", "No sugieras platos con carne, y no recomiendes hoteles."),
    ("constraint", "No vuelvas a llamarme señor."),
    ("constraint", "Deja de disculparte."),
    ("constraint", "Mantén tus respuestas cortas."),
    ("constraint", "Quiero que siempre cites tus fuentes."),
    ("constraint", "Debes siempre preguntar antes de borrar."),
    ("constraint", "Cuando te pida una receta, nunca incluyas nueces."),
    ("constraint", "Cada vez que te pida código, añade una prueba."),
    ("constraint", "Todas las respuestas deben tener una fuente."),
    ("constraint", "Trátame de tú."),
    ("constraint", "Nada de emojis, por favor."),
    ("constraint", "¿Podrías responder siempre en español?"),
    ("constraint", "Ahora usa tabuladores en vez de espacios."),
    ("constraint", "Importante: nunca hagas push a main."),
    ("constraint", "Recuerda siempre ejecutar las pruebas."),
    ("constraint", "Incluye una prueba en cada función."),
    ("preference", "Me gusta el café solo."),
    ("preference", "No me gustan las aceitunas."),
    ("preference", "Odio el cilantro."),
    ("preference", "Me encanta el senderismo."),
    ("preference", "Prefiero el té al café."),
    ("preference", "Mi color favorito es el verde."),
    ("preference", "Llámame Max."),
    ("preference", "Puedes llamarme Ana."),
    ("preference", "No soporto los hoteles ruidosos."),
    ("preference", "Soy muy fan de Almodóvar."),
    ("fact", "Vivo en Madrid."),
    ("fact", "Hola, vivo cerca de Sevilla."),
    ("fact", "Me he mudado a Lisboa."),
    ("fact", "Trabajo como enfermera."),
    ("fact", "Soy profesora."),
    ("fact", "Soy vegano."),
    ("fact", "Soy alérgica a los cacahuetes."),
    ("fact", "Tengo 34 años."),
    ("fact", "Tengo dos hijos."),
    ("fact", "Tengo asma."),
    ("fact", "No como cerdo."),
    ("fact", "Me llamo Inés."),
    ("fact", "Mi nombre es José Luis."),
    ("fact", "Mi cumpleaños es el 3 de mayo."),
    ("fact", "Mi mujer se llama Eva."),
    ("fact", "Mi perro es alérgico al pollo."),
    ("fact", "Uso Linux."),
    ("fact", "Usamos Postgres."),
    ("fact", "Me he pasado de vim a emacs."),
    ("fact", "Hablo portugués."),
    ("fact", "Ya no vivo en Madrid."),
    ("fact", "Soy de Chile."),
    ("fact", "Mi zona horaria es CET."),
    ("constraint", "Termina cada respuesta con una pregunta."),
    ("constraint", "Cuando pida una receta, indica las calorías."),
    ("constraint", "Cuando cites una ley, pon el artículo."),
    ("constraint", "Si no estás seguro, dime que no lo sabes."),
    ("constraint", "Las funciones deben tener tipos."),
    ("constraint", "Usa el sistema métrico en todo lo que me escribas."),
    ("constraint", "Sería genial que terminaras cada respuesta con un resumen."),
    ("constraint", "No uses la palabra sinergia."),
    ("constraint", "Tus respuestas deben ser cortas."),
    ("constraint", "Indica la fuente cuando cites un libro."),
    ("constraint", "Pregúntame antes de borrar archivos."),
    ("constraint", "No quiero emojis en tus respuestas."),
    ("constraint", "En este proyecto usa pnpm."),
    ("constraint", "Simpre responde en español."),
    ("constraint", "Es difícil de leer, así que no uses rojo ni verde nunca."),
    ("fact", "Mi médica es Ana Solís."),
    ("fact", "Nuestra rama principal se llama trunk."),
    ("fact", "Mi taquilla es la número 17."),
    ("fact", "Soy madrugadora."),
    ("fact", "Desplegamos con Jenkins."),
    ("fact", "Mi hija Lola empieza el colegio."),
    ("fact", "Estoy más cómodo con React."),
    ("fact", "Somos un equipo de siete."),
    ("fact", "Nuestro horario es de 9 a 17."),
]

NOTHING = [
    "¿Por qué siempre falla?",
    "Dime por qué nunca termina.",
    "Siempre llego tarde.",
    "Nunca he estado allí.",
    "Nunca me responde.",
    "Siempre lo mismo.",
    "Mi jefe siempre dice que no.",
    "Escribe un poema sobre el mar.",
    "Esta vez responde siempre en inglés.",
    "No uses tabuladores aquí.",
    "No te preocupes.",
    "¿Debo siempre usar tipos?",
    "A partir de hoy el bus para aquí.",
    "Traduce esto: Vivo en Roma. Responde siempre con cortesía.",
    "Resume este texto:\nTodos los visitantes deben registrarse. Nunca compartas tu clave.",
    "Resume esto por favor:\nAlways wear a badge. Never share your password.",
    "Escribe una historia sobre un perro. Vivo en Roma. Me encantan los gatos.",
    "Mi jefe dice: nunca llegues tarde.",
    "Estimada señora:\nvivo en Roma.\nUn saludo,\nJo",
    "> Responde siempre en español.",
    "Me gusta eso.",
    "Me encanta esta idea.",
    "Me gusta la primera opción.",
    "Prefiero la segunda.",
    "Me gustaría reservar una mesa.",
    "Quiero un hotel en Roma.",
    "¿Me gusta el cilantro?",
    "Dice que me gusta el jazz.",
    "A mi hermano le gusta el jazz.",
    "Estoy cansado.",
    "Estoy en la estación.",
    "Tengo una pregunta.",
    "Tengo dos opciones.",
    "Si vivo en Roma, pago allí.",
    "Imagina que vivo en Roma.",
    "Vivía en Roma.",
    "Uso esto cada día.",
    "Trabajo en esto.",
    "Ya no veo el error.",
    "Vivo en un mundo raro.",
    "No recuerdes esto, pero vivo en Roma.",
    "Entre tú y yo: odio a mi jefe.",
    "Llámame mañana.",
    "Si la prueba falla, arréglala.",
    "Cuando termines, haz commit.",
    "Cada vez que abro la app, se cierra.",
    "La función debe devolver un número.",
    "Termina todos los procesos.",
    "Mi código está roto.",
    "Mi pregunta es sencilla.",
    "Mi problema es el número 4.",
    "Mi vuelo es a las 9.",
    "Mi contraseña es hunter2.",
    "Nuestra prueba falla.",
    "Usamos eso a menudo.",
    "Me encanta cuando llueve así.",
    "Cuando escriba esto, responde.",
]

ENDED = [
    ("Responde siempre en español.", "A partir de ahora, responde en inglés."),
    ("Vivo en Madrid.", "Me he mudado a Lisboa."),
    ("Llámame Max.", "Llámame Doctor Moore."),
    ("Soy vegetariano.", "Soy vegano."),
    ("Mantén tus respuestas cortas.", "Prefiero las respuestas largas."),
    ("Uso vim.", "Me he pasado de vim a emacs."),
    ("Mi color favorito es el verde.", "Mi color favorito es el azul."),
    ("Trabajo como cocinero.", "Soy profesora."),
    ("Me gusta el cilantro.", "No me gusta el cilantro."),
    ("Me encanta el cilantro.", "Odio el cilantro."),
    ("Usa siempre punto y coma.", "Nunca uses punto y coma."),
    ("Trátame de tú.", "Trátame de usted."),
    ("Nunca uses emojis.", "Puedes usar emojis otra vez."),
    ("No uses emojis.", "Ya puedes volver a usar emoticonos."),
    ("Cita siempre tus fuentes.", "Ya no hace falta citar fuentes."),
    ("Responde siempre en francés.", "Ya no tienes que responder en francés."),
    ("Soy vegano.", "Ya no soy vegano."),
    ("Vivo en Madrid.", "Ya no vivo en Madrid."),
    ("No como carne.", "Vuelvo a comer carne."),
    ("Me gusta el jazz.", "Olvida lo que dije sobre el jazz."),
    ("Nunca uses emojis.", "Olvida la regla de los emojis."),
    ("Usa siempre requests.", "Ahora usa httpx en vez de requests."),
]

LEFT = [
    ("Nunca uses emojis.", "Puedes usar tablas otra vez."),
    ("Soy vegano.", "Mi hermana ya no es vegana."),
    ("Vivo en Madrid.", "Mi hermano vive en Roma."),
    ("Responde siempre en español.", "Responde en inglés en este chat."),
    ("Nunca uses emojis.", "Por esta vez puedes usar emojis de nuevo."),
    ("Responde siempre en español.", "Cuando hable del trabajo, responde siempre en inglés."),
    ("Soy alérgico a las nueces.", "Soy alérgico a los huevos."),
    ("Nunca uses emojis.", "¿Puedes usar emojis otra vez?"),
    ("Vivo en Madrid.", "Traduce esto: ya no vivo en Madrid."),
    ("Me encanta el cilantro.", "Odio los lunes."),
    ("Cita siempre tus fuentes.", "Ya no hace falta gritar."),
    ("Soy vegano.", "Ya no soy un niño."),
]

OFF_THE_RECORD = [
    "No guardes esto: mi PIN es 1234.",
    "Que quede entre nosotros, por favor.",
    "Olvida lo que te dije.",
    "Por favor, no recuerdes este mensaje.",
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
    assert [memory.reach for memory in stated("En este chat responde siempre en inglés.")] == ["session"]
    assert [memory.reach for memory in stated("Sé breve. Usa solo Python.", is_first=True)] == ["session"] * 2


@pytest.mark.parametrize(
    "text", ["En este chat responde solo con sí o no.", "Responde con una palabra en esta conversación."]
)
def test_an_order_for_this_chat_needs_no_word_that_lasts(text: str) -> None:
    assert [(memory.kind, memory.reach) for memory in stated(text)] == [("constraint", "session")]
