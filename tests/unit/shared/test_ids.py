import pytest

from shared.ids import IdToken, Secret
from shared.log import Log


def test_tokens_compare_without_regard_to_case() -> None:
    assert IdToken.parse(" 04a1b2c3d4 ") == IdToken.parse("04A1B2C3D4")


@pytest.mark.parametrize("text", ["", "   ", "x" * 37, "a\nb", "\x00"])
def test_bad_tokens_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="IdToken"):
        IdToken.parse(text)


def test_neither_tokens_nor_secrets_reach_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "station"):
        Log("station.test").info(
            "authorized", token=IdToken.parse("04A1B2C3D4"), short=IdToken("1234"), key=Secret("hunter2")
        )
        Log("station.test").info("nested", both=[IdToken.parse("04A1B2C3D4")], key=(Secret("hunter2"),))
    text = "\n".join(caplog.messages)
    assert caplog.messages[0] == "authorized token=***D4 short=*** key=***"
    for hidden in ("04A1B2C3", "1234", "hunter2"):
        assert hidden not in text


def test_a_log_line_stays_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "station"):
        Log("station.test").info("odd", text='two\nlines and "quotes"', empty="")
    assert caplog.messages == ['odd text="two\\nlines and \'quotes\'" empty=""']
