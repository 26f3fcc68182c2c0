"""One's own account, the users and the audit log, in the hands of users who log in."""

import re
from pathlib import Path

import httpx
import pytest

from backend.people.second_factor import code_at
from shared.ids import Secret
from tests.unit.backend.web.people import PASSWORD
from tests.unit.backend.web.seed import NOW
from tests.unit.backend.web.test_login_pages import ADMIN, csrf_of, log_in, opened


def send(client: httpx.Client, path: str, **fields: object) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client.get(path).text), **fields}, follow_redirects=True)


def id_of(client: httpx.Client, login: str) -> str:
    found = re.search(rf'href="(/users/\w+)">{re.escape(login)}<', client.get("/users").text)
    assert found, login
    return found[1]


def test_a_password_is_changed_by_whoever_knows_the_old_one(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        log_in(client, "driver@op")
        new = "ganz neue worte"
        assert "is wrong" in send(client, "/account", verb="password", old="x", new=new, again=new).text
        assert "differ" in send(client, "/account", verb="password", old=PASSWORD.value, new=new, again="y").text
        assert send(client, "/account", verb="password", old=PASSWORD.value, new=new, again=new).status_code == 200
        client.cookies.delete("emops_session")
        assert log_in(client, "driver@op").status_code == 403
        assert log_in(client, "driver@op", new).status_code == 303


def test_a_second_factor_counts_once_its_code_was_given(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        log_in(client, "customer@op")
        offered = send(client, "/account", verb="enrol", old=PASSWORD.value).text
        found = re.search(r'id="secret">(\w+)<.*?name="sealed" value="([^"]+)"', offered, re.DOTALL)
        assert found
        assert "<svg xmlns" in offered
        assert "check the clock" in send(client, "/account", verb="confirm", sealed=found[2], code="x").text
        code = code_at(Secret(found[1]), NOW)
        done = send(client, "/account", verb="confirm", sealed=found[2], code=code).text
        codes = re.findall(r"<li><code>([0-9a-f-]{21})</code>", done)
        assert len(codes) == 8
        assert codes[0] not in client.get("/account").text
        client.cookies.delete("emops_session")
        assert log_in(client, "customer@op").headers["Location"].startswith("/login/code")
        csrf = csrf_of(client.get("/login/code").text)
        again = client.post("/login/code", data={"code": code, "csrf": csrf})
        assert again.status_code == 403, "the code that proved the app works no more"
        assert client.post("/login/code", data={"code": codes[0], "csrf": csrf}).status_code == 303


def test_a_token_is_shown_once_and_lets_a_program_in_until_it_is_revoked(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        log_in(client, "staff@op")
        assert "permission that you have" in send(client, "/account", verb="token", days="1", scope="see_audit").text
        made = send(client, "/account", verb="token", days="1", name="p", scope=["see_stations", "see_orders"]).text
        found = re.search(r'id="token">(emops_[\w-]+)<', made)
        assert found
        assert found[1] not in client.get("/account").text
        headers = {"Authorization": f"Bearer {found[1]}"}
        with httpx.Client(base_url=client.base_url) as program:
            assert program.get("/api/v1/charge-points", headers=headers).status_code == 200
            number = re.findall(r'name="number" value="(\d+)"', client.get("/account").text)[0]
            send(client, "/account", verb="revoke", number=number)
            assert program.get("/api/v1/charge-points", headers=headers).status_code == 401


def test_other_browsers_are_logged_out(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client), httpx.Client(base_url=client.base_url) as other:
        log_in(client, ADMIN)
        log_in(other, ADMIN)
        send(client, "/account", verb="end", session="others")
        assert other.get("/transactions").status_code == 303
        assert client.get("/transactions").status_code == 200


def test_a_user_is_added_with_a_password_that_is_shown_once(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client), httpx.Client(base_url=client.base_url) as other:
        log_in(client, ADMIN)
        made = send(client, "/users", login="neu@example.com", name="Neu", role="staff", operator="op").text
        found = re.search(r'id="password">([\w-]+)<', made)
        assert found
        assert log_in(other, "neu@example.com", found[1]).status_code == 303
        one = id_of(client, "neu@example.com")
        assert found[1] not in client.get(one).text
        assert send(client, one, verb="role", role="read_only").status_code == 200
        assert other.get("/transactions").status_code == 303, "they come in again as what they are now"
        assert send(client, one, verb="disable").status_code == 409
        assert send(client, one, verb="disable", sure="yes").status_code == 200
        assert log_in(other, "neu@example.com", found[1]).status_code == 403
        trail = client.get("/audit", params={"object": "neu@example.com"}).text
        assert re.findall(r'data-label="What">([^<]+)<', trail) == ["User disabled", "Role changed", "User added"]


@pytest.mark.parametrize(("role", "operator"), [("platform", ""), ("staff", "other")])
def test_nobody_makes_a_user_above_or_beside_their_operator(tmp_path: Path, role: str, operator: str) -> None:
    with opened(tmp_path) as (_, client):
        log_in(client, ADMIN)
        refused = send(client, "/users", login="neu@example.com", role=role, operator=operator)
        assert refused.status_code == 409
        assert "may not manage" in refused.text
        assert send(client, id_of(client, "staff@op"), verb="role", role="platform").status_code == 409


def test_the_last_administrator_stays_and_nobody_changes_themselves(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client), httpx.Client(base_url=client.base_url) as platform:
        platform.headers["Accept-Language"] = "de"
        log_in(client, ADMIN)
        mine = id_of(client, ADMIN)
        assert "Somebody else" in send(client, mine, verb="disable", sure="yes").text
        log_in(platform, "platform@platform")
        taken = send(platform, "/users", login=ADMIN, role="platform")
        assert "den Anmeldenamen operator_admin@op gibt es schon" in taken.text
        send(platform, "/users", login="zwei@example.com", role="platform")
        second = id_of(platform, "zwei@example.com")
        assert send(platform, second, verb="disable", sure="yes").status_code == 200
        assert send(platform, mine, verb="role", role="staff").status_code == 200, "the platform is left to manage"
        assert client.get("/users").status_code == 303


def test_the_log_is_filtered_by_day_and_pages(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, client):
        log_in(client, ADMIN)
        for _ in range(101):
            client.get("/audit")
        first = client.get("/audit?action=see_audit").text
        older = re.search(r'href="(/audit\?[^"]*before=\d+)"', first)
        assert older
        assert len(re.findall(r'data-label="What"', first)) == 100
        assert 0 < len(re.findall(r'data-label="What"', client.get(older[1].replace("&amp;", "&")).text)) < 10
        assert "no such entry" in client.get("/audit?until=2020-01-01").text
        assert client.get("/audit?since=yesterday").status_code == 422
