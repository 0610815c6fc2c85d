"""gateway/times.py: what is asked for, and what is not; now is Wednesday 2026-11-18, 15:00 UTC."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import times
from gateway.languages import timewords
from gateway.times import has_time, is_when, span_asked

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC).timestamp()
DAY_S = 86_400.0

SPANS = """
What did I eat today?                                   | 2026-11-18 now
What did we decide yesterday?                           | 2026-11-17 2026-11-18
what did I tell you yesterday evening                   | 2026-11-17 2026-11-18
What did I say the day before yesterday?                | 2026-11-16 2026-11-17
What did you suggest last night?                        | 2026-11-17T12 2026-11-18T12
Which error did I paste this morning?                   | 2026-11-18 now
What broke last week?                                   | 2026-11-09 2026-11-16
What have I done this week?                             | 2026-11-16 now
What did we ship last month?                            | 2026-10-01 2026-11-01
How much did I spend this month?                        | 2026-11-01 now
Where did I travel last year?                           | 2025-01-01 2026-01-01
What did I read this year?                              | 2026-01-01 now
What was the plan last Monday?                          | 2026-11-16 2026-11-17
What did I say on Tuesday?                              | 2026-11-17 2026-11-18
Who did I meet on Wednesday morning?                    | 2026-11-11 2026-11-12
Which film did I watch this Monday?                     | 2026-11-16 2026-11-17
Where was I three days ago?                             | 2026-11-15 2026-11-16
What did I say a day ago?                               | 2026-11-17 2026-11-18
what did I cook 10 days ago                             | 2026-11-08 2026-11-09
What did I ask two weeks ago?                           | 2026-11-01 2026-11-08
What did I buy a couple of weeks ago?                   | 2026-11-01 2026-11-08
What did I mention a few days ago?                      | 2026-11-12 2026-11-17
Where did she move from 4 years ago?                    | 2022-05-20 2023-05-20
What did we try an hour ago?                            | 2026-11-18T13:30 2026-11-18T14:30
What did I say 10 minutes ago?                          | 2026-11-18T14:20 now
What did I run in the last 3 days?                      | 2026-11-15T15 now
What did we change over the past week?                  | 2026-11-11T15 now
How many bugs did I report in the past few days?        | 2026-11-14T15 now
What did I paint in March?                              | 2026-03-01 2026-04-01
What did I paint in may?                                | 2026-05-01 2026-06-01
What happened in early May?                             | 2026-05-01 2026-06-01
What happened in mid-March?                             | 2026-03-01 2026-04-01
What did I do in December?                              | 2025-12-01 2026-01-01
What did I do last March?                               | 2026-03-01 2026-04-01
What did I do last November?                            | 2025-11-01 2025-12-01
What did I do in March last year?                       | 2025-03-01 2025-04-01
What did I paint in March 2025?                         | 2025-03-01 2025-04-01
Which games did he win in 2024?                         | 2024-01-01 2025-01-01
Which games did he win in the year 2024?                | 2024-01-01 2025-01-01
What did he attend on 5 May 2023?                       | 2023-05-05 2023-05-06
What did he attend on May 5th?                          | 2026-05-05 2026-05-06
What did he attend on May 5, 2023?                      | 2023-05-05 2023-05-06
What did he attend on the 5th of May?                   | 2026-05-05 2026-05-06
What did he attend on the 5th of December?              | 2025-12-05 2025-12-06
What did I write on 2023-05-08?                         | 2023-05-08 2023-05-09
What did I write on 5/18/2023?                          | 2023-05-18 2023-05-19
What did I write on 18/5/2023?                          | 2023-05-18 2023-05-19
What did I write on 5/5/2023?                           | 2023-05-05 2023-05-06
What did I write on Mar 3?                              | 2026-03-03 2026-03-04
What did we do over the weekend?                        | 2026-11-14 2026-11-16
What did we do last weekend?                            | 2026-11-14 2026-11-16
Where was he between 3 and 7 May?                       | 2026-05-03 2026-05-08
Where was he May 3-7, 2023?                             | 2023-05-03 2023-05-08
Where was he between August 11 and August 15 2023?      | 2023-08-11 2023-08-16
Where was he between 28 December and 3 January?         | 2025-12-28 2026-01-04
What happened between Monday and Tuesday?               | 2026-11-16 2026-11-18
What happened between Thursday and Monday?              | 2026-11-12 2026-11-17
What happened between March and May 2024?               | 2024-03-01 2024-06-01
What happened from 2020 to 2022?                        | 2020-01-01 2023-01-01
What did I say yesterday and last year?                 | 2026-11-17 2026-11-18
Which days between 3 and 7 May did I work?              | 2026-05-03 2026-05-08
Schedule from last week?                                | 2026-11-09 2026-11-16
Which plan did we make on 31 June or 3 July?            | 2026-07-03 2026-07-04
Is it two weeks from today, as I said on Monday?        | 2026-11-16 2026-11-17
What happened from yesterday to today?                  | 2026-11-17 now
What have I said since Monday?                          | 2026-11-16 now
What has changed since the 3rd of May?                  | 2026-05-03 now
What did I use before last week?                        | 0 2026-11-09
What was the plan until yesterday?                      | 0 2026-11-18
What was the rule before March 2025?                    | 0 2025-03-01
What was the rule after March 2025?                     | 2025-04-01 now
How many games has he won by July 10, 2022?             | 0 2022-07-11
What did she do the week before 16 November 2023?       | 2023-11-09 2023-11-16
What did she get two weeks before August 11, 2023?      | 2023-07-25 2023-08-01
What did she do the day after 5 May 2023?               | 2023-05-06 2023-05-07
What did she do two days after 5 May 2023?              | 2023-05-07 2023-05-08
What did she do on the Sunday before October 25, 2022?  | 2022-10-23 2022-10-24
What did she do last weekend before April 10, 2023?     | 2023-04-08 2023-04-10
Which lake did we see last summer?                      | 2026-06-01 2026-09-01
What did I learn last winter?                           | 2025-12-01 2026-03-01
What state did she visit in summer 2021?                | 2021-06-01 2021-09-01
What did I plant in the spring?                         | 2026-03-01 2026-06-01
What did I say yesterday about tomorrow's meeting?      | 2026-11-17 2026-11-18
What did I say about next week's trip on Monday?        | 2026-11-16 2026-11-17
What did I recently paint?                              | 2026-11-04T15 now
What did you tell me the other day?                     | 2026-11-04T15 now
Which book did he recently enjoy on October 6, 2022?    | 2022-10-06 2022-10-07
Remind me what I said last Friday.                      | 2026-11-13 2026-11-14

Was habe ich gestern gesagt?                            | 2026-11-17 2026-11-18
Was war vorgestern?                                     | 2026-11-16 2026-11-17
Was haben wir heute Morgen besprochen?                  | 2026-11-18 now
Was haben wir letzte Woche gemacht?                     | 2026-11-09 2026-11-16
Was war letzten Montag?                                 | 2026-11-16 2026-11-17
Was habe ich vor drei Tagen gefragt?                    | 2026-11-15 2026-11-16
Wo war ich vor einem Jahr?                              | 2025-05-20 2026-05-20
Was habe ich vor ein paar Tagen gesagt?                 | 2026-11-12 2026-11-17
Was geschah im März?                                    | 2026-03-01 2026-04-01
Was geschah am 5. Mai 2023?                             | 2023-05-05 2023-05-06
Was geschah am 8.5.2023?                                | 2023-05-08 2023-05-09
Was geschah zwischen dem 3. und 7. Mai?                 | 2026-05-03 2026-05-08
Was habe ich seit Montag gesagt?                        | 2026-11-16 now
Was galt vor dem 5. Mai?                                | 0 2026-05-05
Was haben wir am Wochenende gemacht?                    | 2026-11-14 2026-11-16
Was war in den letzten drei Tagen?                      | 2026-11-15T15 now
Was war im Jahr 2024?                                   | 2024-01-01 2025-01-01
Was war im letzten Jahr?                                | 2025-01-01 2026-01-01
Was hast du mir neulich empfohlen?                      | 2026-11-04T15 now

¿Qué dije ayer?                                         | 2026-11-17 2026-11-18
¿Qué dije anteayer?                                     | 2026-11-16 2026-11-17
¿Qué hicimos la semana pasada?                          | 2026-11-09 2026-11-16
¿Qué hicimos esta semana?                               | 2026-11-16 now
¿Qué dije hace dos días?                                | 2026-11-16 2026-11-17
¿Qué hice hace una semana?                              | 2026-11-08 2026-11-15
¿Qué pasó el lunes?                                     | 2026-11-16 2026-11-17
¿Qué pasó en marzo de 2025?                             | 2025-03-01 2025-04-01
¿Qué pasó el 5 de mayo de 2023?                         | 2023-05-05 2023-05-06
¿Qué pasó entre el 3 y el 7 de mayo?                    | 2026-05-03 2026-05-08
¿Qué pasó en marzo del año pasado?                      | 2025-03-01 2025-04-01
¿Qué pasó en 2024?                                      | 2024-01-01 2025-01-01
¿Qué he dicho desde el lunes?                           | 2026-11-16 now
¿Qué hicimos el fin de semana pasado?                   | 2026-11-14 2026-11-16
¿Qué comí esta mañana?                                  | 2026-11-18 now
¿Qué dije en los últimos tres días?                     | 2026-11-15T15 now

Qu'est-ce que j'ai dit hier ?                           | 2026-11-17 2026-11-18
Qu'ai-je dit avant-hier ?                               | 2026-11-16 2026-11-17
De quoi avons-nous parlé aujourd'hui ?                  | 2026-11-18 now
Qu'avons-nous fait la semaine dernière ?                | 2026-11-09 2026-11-16
Qu'ai-je dit il y a deux jours ?                        | 2026-11-16 2026-11-17
Où étais-je il y a un an ?                              | 2025-05-20 2026-05-20
Qu'ai-je dit lundi dernier ?                            | 2026-11-16 2026-11-17
Que s'est-il passé en mars ?                            | 2026-03-01 2026-04-01
Que s'est-il passé le 5 mai 2023 ?                      | 2023-05-05 2023-05-06
Que s'est-il passé entre le 3 et le 7 mai ?             | 2026-05-03 2026-05-08
Que s'est-il passé l'an dernier ?                       | 2025-01-01 2026-01-01
Qu'ai-je mangé ce matin ?                               | 2026-11-18 now
Qu'ai-je fait depuis lundi ?                            | 2026-11-16 now
Où étions-nous l'été dernier ?                          | 2026-06-01 2026-09-01
Qu'avons-nous fait le week-end dernier ?                | 2026-11-14 2026-11-16

我昨天说了什么？                                          | 2026-11-17 2026-11-18
我前天吃了什么？                                          | 2026-11-16 2026-11-17
今天我们讨论了什么？                                       | 2026-11-18 now
上周我们做了什么？                                        | 2026-11-09 2026-11-16
上周三我说了什么？                                        | 2026-11-11 2026-11-12
上个月我去了哪里？                                        | 2026-10-01 2026-11-01
三天前我问了什么？                                        | 2026-11-15 2026-11-16
两个星期前我问了什么？                                     | 2026-11-01 2026-11-08
几天前我问了什么？                                        | 2026-11-12 2026-11-17
去年我去了哪里？                                          | 2025-01-01 2026-01-01
去年三月我去了哪里？                                       | 2025-03-01 2025-04-01
2023年5月8日发生了什么？                                  | 2023-05-08 2023-05-09
2023年5月我去了哪里？                                     | 2023-05-01 2023-06-01
3月5日到7日发生了什么？                                   | 2026-03-05 2026-03-08
2024年发生了什么？                                        | 2024-01-01 2025-01-01
五月之前的计划是什么？                                     | 0 2026-05-01
自从上周我做了什么？                                       | 2026-11-09 now
周末我们做了什么？                                        | 2026-11-14 2026-11-16
最近我说了什么？                                          | 2026-11-04T15 now
"""

NAMELESS = """
What is my name?
Remind me in 5 minutes.
Schedule it for tomorrow.
What are we doing next week?
Can you do it in two days?
Please book a table for Friday at 7pm.
Is the report due by Friday?
What is planned for Monday?
Remind me to call my mother on Sunday.
What did you say last time?
What did you tell me a while ago?
May I ask you something?
This may be wrong, and may not.
Option 3 may fail. Why?
March on, soldier!
What does April like?
Do I take the pills every Monday?
How many days are in a week?
What was it on 5/8/2023?
What happened on 31 June 2023?
Where will we be in 2030?
Where will we be on 5 May 2030?
What did I use before I moved?
Is it two weeks from today?
What will I cook tonight?
How do I configure Spring?
Who will win this weekend?
Who is coming this Friday?
We came last. Why?
Was mache ich hier?
Was mache ich morgen?
Erinnere mich in fünf Minuten.
Was machen wir nächste Woche?
¿Qué hago mañana?
¿Qué hace tu hermano?
¿Qué haremos la próxima semana?
Que ferons-nous demain ?
Que ferons-nous la semaine prochaine ?
Que faire dans trois jours ?
明天我们做什么？
提醒我昨天的事
下周我们做什么？
我叫什么名字？
每天我吃什么？
"""

ASKING = """
When did I move to Berlin?
when was my last dentist appointment
And when exactly did she arrive?
When's my sister's birthday?
When Jon has lost his job?
Do you know when I bought the bike?
Since when have I lived here?
How long ago did we talk about it?
How long have I had the dog?
How long was I in Rome?
How many weeks ago did I start?
What day did I see the doctor?
In which month was the concert?
What year did I graduate?
What was the date of the launch?
At what time did the build break?
Wann bin ich umgezogen?
Seit wann wohne ich hier?
Wie lange habe ich den Hund schon?
In welchem Jahr war das?
An welchem Tag war das?
¿Cuándo me mudé?
¿Desde cuándo vivo aquí?
¿Hace cuánto hablamos?
¿Qué día fue?
¿En qué año fue?
Quand est-ce que j'ai déménagé ?
Quand ai-je déménagé ?
Depuis quand j'habite ici ?
Il y a combien de temps ?
Quel jour était-ce ?
En quelle année ?
我什么时候搬家的？
是哪一年？
多久了？
她几号来的？
"""

NOT_ASKING = """
What is my name?
When I run the tests, do they pass?
Call me when you are done.
What did I say when we met?
How long should the answer be?
How long is the rope?
Whenever did matter, it did.
How do I format a date?
I had a great day.
Wie heiße ich?
Das mache ich dann und wann.
Qué hago cuando llueve
Quand je lance les tests, ils passent.
我叫什么名字？
"""

TIMED = """
I moved here yesterday.
We met last week.
It was on 5 May 2023.
I saw her on Friday.
I started in March.
It has been so since 2016.
I left two years ago.
The call is at 5pm.
The call is at 17:30.
We meet at 8 o'clock.
I have had the dog for three years.
See you tomorrow.
We leave in 5 minutes.
I go there every Monday.
The deadline is next week.
It was 5/8/2023.
Das war gestern.
Wir sehen uns morgen.
Wir treffen uns um 8 Uhr.
Ich wohne seit drei Jahren hier.
Fue el lunes.
Hace dos años.
C'était hier soir, je crois.
En avril dernier.
昨天我去了医院。
三年前我搬到了北京。
下午3点见。
"""

TIMELESS = """
I like tea.
I recently moved.
This may take a while.
They march every day.
They march every 2 days.
Ich wohne hier in Berlin.
The port is 2024.
I am the last one.
At last it works.
Version 3.11.2 is out.
Once upon a time.
It hace sense.
J'ai été malade.
Tu es mon ami.
我喜欢喝茶。
一起去吧。
"""


def lines(table: str) -> list[str]:
    return [line.strip() for line in table.strip().splitlines() if line.strip()]


def moment(written: str) -> float:
    if written in ("0", "now"):
        return NOW if written == "now" else 0.0
    return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("line", lines(SPANS))
def test_a_question_names_a_stretch_of_time(line: str) -> None:
    question, _, stretch = line.partition("|")
    since, until = stretch.split()
    assert span_asked(question.strip(), NOW) == (moment(since), moment(until))


@pytest.mark.parametrize("question", lines(NAMELESS))
def test_a_question_names_no_time_or_one_to_come(question: str) -> None:
    assert span_asked(question, NOW) is None


@pytest.mark.parametrize("question", lines(ASKING))
def test_a_question_asks_for_a_time(question: str) -> None:
    assert is_when(question)


@pytest.mark.parametrize("text", lines(NOT_ASKING))
def test_a_text_asks_for_no_time(text: str) -> None:
    assert not is_when(text)


@pytest.mark.parametrize("text", lines(TIMED))
def test_a_text_holds_a_time(text: str) -> None:
    assert has_time(text)


@pytest.mark.parametrize("text", lines(TIMELESS))
def test_a_text_holds_no_time(text: str) -> None:
    assert not has_time(text)


def test_a_weekend_is_the_one_it_is_and_the_last_one_is_over() -> None:
    sunday = datetime(2026, 11, 22, 9, tzinfo=UTC).timestamp()
    assert span_asked("What did we do over the weekend?", sunday) == (moment("2026-11-21"), sunday)
    assert span_asked("What did we do this weekend?", sunday) == (moment("2026-11-21"), sunday)
    assert span_asked("What did we do last weekend?", sunday) == (moment("2026-11-14"), moment("2026-11-16"))


def test_the_last_winter_is_the_one_that_is_over() -> None:
    january = datetime(2026, 1, 20, tzinfo=UTC).timestamp()
    assert span_asked("Where was I last winter?", january) == (moment("2024-12-01"), moment("2025-03-01"))
    assert span_asked("Where was I last month?", january) == (moment("2025-12-01"), moment("2026-01-01"))


def test_nobody_spoke_before_there_was_a_clock_but_something_may_have_happened() -> None:
    assert span_asked("Who won in 1966?", NOW) == (moment("1966-01-01"), moment("1967-01-01"))
    assert span_asked("Who won before 1966?", NOW) == (moment("1966-01-01"), moment("1966-01-01"))
    assert span_asked("Who won until 1966?", NOW) == (moment("1967-01-01"), moment("1967-01-01"))
    assert span_asked("Who won 999 years ago?", 0.0) is not None


WORDS = (
    sorted(timewords._LETTERS)
    + sorted(timewords._READ_AS)
    + ["", "x", "dinosaur", "2023-05-08", "31.2.2023", "5/8/2023"]
)


@given(
    st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)),
    st.floats(min_value=0, max_value=4e9, allow_nan=False),
)
@settings(deadline=None, max_examples=300)
def test_a_stretch_is_in_order_and_not_to_come(text: str, now: float) -> None:
    span = span_asked(text, now)
    assert span is None or span[0] <= span[1] <= now


def calls(work: Callable[[str], Any], text: str) -> int:
    """How many calls it takes."""
    count = 0

    def heard(_frame: object, event: str, _of: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(heard)
    try:
        work(text)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("piece", ["a ", "tomorrow ", "next week ", "5-", "31 june ", "the day before ", "前", "when "])
@pytest.mark.parametrize("work", [lambda text: span_asked(text, NOW), is_when, has_time], ids=["span", "when", "has"])
def test_hostile_texts_make_no_more_work_than_their_length(work: Callable[[str], Any], piece: str) -> None:
    assert calls(work, piece * 400) <= 2 * calls(work, piece * 200) + 10


def test_no_pattern_repeats_without_bound() -> None:
    patterns = [value for name, value in vars(times).items() if isinstance(value, re.Pattern)]
    assert len(patterns) >= 5
    assert [pattern.pattern for pattern in patterns if re.search(r"(?<!\\s)[*+]|\{\d+,\}", pattern.pattern)] == []
