"""Passwords and tokens as people and configurations write them: § stands for one, beside the word that tells of it."""

from __future__ import annotations

import json

import pytest

from gateway.redact import cleaned

PASSWORD = "Tr0ub4dor&3xy"
TOKEN = "k3Yv9LmQ2xZ7wB4nT8rC1pD6sF0gH5jA"

PASSWORDS = [
    "**Password:** §", "**Password**: §", "**Password**: `§`", "__Password:__ §", "| password | § |", "|password|§|",
    "password -> §", "password → §", "Password (root): §", "<b>Password:</b> §", "<td>Password</td><td>§</td>",
    "<password>§</password>", "<db.password>§</db.password>", "<password><![CDATA[§]]></password>",
    '<add key="Password" value="§"/>', '<property name="db.password" value="§"/>',
    "<property><name>javax.jdo.password</name>\n  <value>§</value></property>",
    "<key>password</key>\n<string>§</string>",
    '{"name":"DB_PASSWORD","value":"§"}', '{"name": "DB_PASSWORD",\n        "value": "§"}',
    '{"value": "§", "name": "DB_PASSWORD"}', "- name: DB_PASSWORD\n  value: §", '- name: DB_PASSWORD\n  value: "§"',
    "pw: §", "PW=§", "use PW=§ please", "db_pw: §", "my password's §", "my password’s §", "password\n§", "Password:\n§",
    "**Password**\n\n`§`", "密码: §", "密码是§", "密码是§，请", "密码：§", "password：§", "パスワードは§",
    "비밀번호: §", "**Pass:** §",
    "пароль: §", "Пароль: §", "mot de passe : §", "mot de passe\u00a0: §", "mon mot de passe est §", "mdp : §",
    "contraseña: §", "CONTRASEÑA: §", "clave: §", "la clave es §", "senha: §", "Passwort lautet §", "Passwort: §",
    "Kennwort: §", "wachtwoord: §", "lösenord: §", "hasło: §", "şifre: §",
]  # fmt: skip

TOKENS = [
    "**API key:** §", "**API key**: `§`", "| api key | § |", "api key -> §", "API key (prod): §", "api key：§",
    "<apiKey>§</apiKey>", "<td>API key</td><td>§</td>", '<add key="ApiKey" value="§"/>',
    '{"name":"API_KEY","value":"§"}', '{"value":"§","name":"API_KEY"}', "- name: API_TOKEN\n  value: §",
    "my api key's §", "API key:\n§", "clé API : §", "clé d'API : §", "CLÉ API : §", "API-Schlüssel: §",
    "API-Schlüssel lautet §", "API密钥: §", "API密钥是§", "访问令牌：§", "APIキー: §", "токен: §", "clave de API: §",
]  # fmt: skip

PROSE = [
    "password: required", "**Password:** required", "| password | string |", "| password | the user's password |",
    "password -> hash", "<password>secret</password>", "<password>${db.password}</password>",
    '<add key="Password" value=""/>', '{"name":"DB_PASSWORD","value":"${DB_PASSWORD}"}',
    "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db", "password\nusername", "pw: string",
    "my password's expiry", "密码: 必填", "密码是什么", "mot de passe : oublié", "contraseña: obligatoria",
    "the enclave: a1b2c3d4", "**API key:** required", "<apiKey>YOUR_API_KEY</apiKey>", "| token | string | required |",
    "- name: API_TOKEN\n  value: my-service-account", "clé API : obligatoire", "API-Schlüssel: erforderlich",
    "primary key -> customer_id", "| key | value |",
]  # fmt: skip


@pytest.mark.parametrize("frame", PASSWORDS)
@pytest.mark.parametrize("around", ["{}", "so:\n{}\nand", "Here it is:\n\n{}\n\nThanks!"])
def test_a_password_is_replaced_whole(frame: str, around: str) -> None:
    said = around.format(frame) if "{" not in frame else frame
    assert cleaned(said.replace("§", PASSWORD), "secrets") == said.replace("§", "[redacted:password]")


@pytest.mark.parametrize("frame", TOKENS)
def test_a_token_is_replaced_whole(frame: str) -> None:
    assert cleaned(frame.replace("§", TOKEN), "secrets") == frame.replace("§", "[redacted:secret]")


@pytest.mark.parametrize("frame", [*PASSWORDS, *TOKENS])
def test_a_spelling_is_known_in_a_string_of_json(frame: str) -> None:
    for secret in (PASSWORD, TOKEN):
        text = json.dumps({"content": frame.replace("§", secret)})
        if secret == TOKEN or frame in PASSWORDS:
            assert secret not in cleaned(text, "secrets")


@pytest.mark.parametrize("text", PROSE)
def test_a_word_where_a_secret_would_stand_stays(text: str) -> None:
    assert cleaned(text, "secrets") == text


@pytest.mark.parametrize(
    "unseen", [chr(code) for code in (0x200B, 0x200D, 0x2060, 0xFEFF, 0xAD, 0x202E, 0xFE0F, 0xE0041)]
)
@pytest.mark.parametrize("prefix", ["ghp_", "sk-ant-"])
def test_a_token_with_what_nobody_sees_in_it_is_replaced(unseen: str, prefix: str) -> None:
    token = unseen.join((prefix, *TOKEN, *"aB3d"))
    for text in (f"use {token} now", json.dumps({"key": token})):
        result = cleaned(text, "secrets")
        assert "[redacted:" in result
        assert TOKEN[-1] not in result.replace("[redacted:anthropic-key]", "")
