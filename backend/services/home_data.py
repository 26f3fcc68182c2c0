"""Home charging of company cars as master data: `[[home_charging]]` in the file of `emops-backend apply`."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, insert, select, update

from backend.core.invoices.home_charging import OFFICIAL_PRICES, Method
from backend.errors import ApplyError
from backend.store.home_tables import home_charging
from backend.store.tables import charge_point, person
from shared.config import setting


@dataclass(frozen=True, slots=True)
class HomeEntry:
    """Whose company car is charged at home, and how its electricity is refunded in a calendar year."""

    user: str = setting(help="id of the employee")
    year: int = setting(minimum=2026, maximum=2100, help="calendar year, for which the choice is fixed")
    charge_point: str = setting(help="id of the charge point at home, which has a meter of its own")
    vehicle: str = setting(help="the car, for instance its plate")
    method: str = setting(choices=tuple(Method), help="price of the employee's own contract, or the official average")
    price: str = setting("", help='EUR per kWh of the contract, with VAT, for instance "0.3179"')
    evidence: str = setting("", help="where the contract is")
    shows_times: bool = setting(False, help="the employer sees when each session was, not its kWh alone")


def check_home(entry: HomeEntry, name: str) -> None:
    """Check an entry by itself.

    Raises:
        ApplyError: a field is wrong; the text begins with `name`.
    """
    if entry.method == Method.AVERAGE:
        if entry.price:
            raise ApplyError(f"{name}.price must be left out: the average is official")
        if entry.year not in OFFICIAL_PRICES:
            raise ApplyError(f"{name}: the official price of {entry.year} is not known to this version")
        return
    try:
        price = Decimal(entry.price)
    except ArithmeticError:
        price = Decimal(0)
    if not (price.is_finite() and 0 < price < 10 and round(price, 6) == price):
        raise ApplyError(f'{name}.price = {entry.price!r} must be EUR per kWh such as "0.3179"')
    if not entry.evidence.strip():
        raise ApplyError(f"{name}.evidence is missing: name the contract, so that payroll finds it")


def apply_home(connection: Connection, entry: HomeEntry) -> bool | None:
    """Write an entry. True: it is new, False: it was changed, None: it was so before.

    Raises:
        ApplyError: it names what does not exist, or would change the method in the year.
    """
    name = f"home_charging {entry.user} {entry.year}"
    operator_id = connection.scalar(select(person.c.operator_id).where(person.c.id == entry.user))
    if operator_id is None:
        raise ApplyError(f"{name}: there is no user {entry.user!r}")
    p = charge_point.c
    own = select(p.id).where(p.id == entry.charge_point, p.operator_id == operator_id)
    if connection.execute(own).first() is None:
        raise ApplyError(f"{name}: operator {operator_id} has no charge point {entry.charge_point!r}")
    row: dict[str, object] = {
        "user_id": entry.user,
        "year": entry.year,
        "operator_id": operator_id,
        "charge_point_id": entry.charge_point,
        "vehicle": entry.vehicle,
        "method": entry.method,
        "price": Decimal(entry.price) if entry.price else None,
        "evidence": entry.evidence,
        "shows_times": entry.shows_times,
    }
    h = home_charging.c
    mine = (h.user_id == entry.user) & (h.year == entry.year)
    known = connection.execute(select(*(h[key] for key in row)).where(mine)).mappings().one_or_none()
    if known is None:
        connection.execute(insert(home_charging).values(row))
        return True
    if known["method"] != entry.method:
        raise ApplyError(
            f"{name}: the method was chosen for the year ({known['method']}); choose anew for the next one"
        )
    if dict(known) == row:
        return None
    connection.execute(update(home_charging).where(mine).values(row))
    return False
