"""The command line of what needs the store: simulate a month, prove ratings, import prices, rate again."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from backend.commands.tariff import Command, print_json, read_tariffs
from backend.errors import BackendError, ReportError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.core.rates.simulation import TariffResult
    from backend.store.writer import Store

T = TypeVar("T")


def _simulate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("month", help="for instance 2026-05: sessions that began in it")
    parser.add_argument("--tariff", action="append", default=[], metavar="ID", help="a stored tariff; may be repeated")
    parser.add_argument("--file", action="append", default=[], help="JSON or TOML of tariffs that are not stored")
    parser.add_argument("--operator", default="", metavar="ID", help="needed where there are several")
    parser.add_argument("--customer", default="", metavar="ID", help="only sessions of one customer")
    parser.add_argument("--charge-point", default="", metavar="ID", help="only sessions at one station")
    parser.add_argument("--location", default="", metavar="ID", help="only sessions at one site")
    profile_help = "a stored tariff that takes turns with the other one, for instance PROFILE_GREEN=solar"
    parser.add_argument("--profile", action="append", default=[], metavar="PROFILE=ID", help=profile_help)
    parser.add_argument("--json", action="store_true", help="write JSON")


def _simulate(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.report_json import results_json
    from backend.core.tariffs.tariff import TariffError, parse_tariff
    from backend.services.reports import SimulationReport, SimulationRequest, simulate_month

    try:
        drafts = [parse_tariff(body) for file in options.file for body in read_tariffs(file, "")]
    except TariffError as error:
        raise ReportError(f"{', '.join(options.file)}: {error}") from error
    wanted = SimulationRequest(
        month=options.month,
        tariffs=options.tariff,
        drafts=drafts,
        operator=options.operator,
        customer=options.customer,
        charge_point=options.charge_point,
        location=options.location,
        profiles=dict(text.partition("=")[::2] for text in options.profile),
    )

    async def work(store: "Store") -> SimulationReport:
        return await store.read(lambda connection: simulate_month(connection, wanted))

    report = with_store(settings, work)
    if options.json:
        print_json([{"month": options.month, "sessions": report.sessions, "results": results_json(report.results)}])
        return 0
    print(f"{options.month}: {report.sessions} rated sessions; amounts with VAT")
    _print_results(report.results)
    return 0


def _print_results(results: "Sequence[TariffResult]") -> None:
    heading = ("tariff", "priced", "kWh", "before", "after", "difference", "winners", "losers")
    totals = []
    for one in results:
        amounts = (str(one.before_gross), f"{one.gross} {one.currency}", f"{one.difference:+}")
        energy = f"{Decimal(one.energy).scaleb(-3):f}"
        totals.append((one.tariff_id, str(len(one.sessions)), energy, *amounts, str(one.winners), str(one.losers)))
    print("\n".join(_table(heading, totals)))
    for result in results:
        print(f"\n{result.tariff_id}")
        rows = [
            (c.customer_id, c.customer, str(c.sessions), str(c.before_gross), str(c.gross), f"{c.difference:+}")
            for c in result.customers
        ]
        print("\n".join(_table(("customer", "name", "sessions", "before", "after", "difference"), rows)))
        for unpriced in result.unpriced:
            print(f"  transaction {unpriced.transaction_id} has no price: {unpriced.reason}")


def _recompute_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _recompute(options: argparse.Namespace, settings: Settings) -> int:
    """Compute all ratings again; the status is 1 if one differs."""
    from backend.core.report_json import proof_json
    from backend.jobs.recompute_ratings import recompute

    proof = with_store(settings, recompute)
    if options.json:
        print_json([proof_json(proof)])
    else:
        print(f"{proof.checked} ratings computed again: {proof.checked - len(proof.differences)} are the same")
        for one in proof.differences:
            print(f"transaction {one.transaction_id}, rating {one.rating_id} differs:")
            for what in one.what:
                print(f"  {what}")
    return 1 if proof.differences else 0


def _prices_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("series", help="name of the series, as tariffs have it in x_spot.series")
    parser.add_argument("file", type=Path, help="CSV: start,price; the price per MWh without VAT")
    parser.add_argument("--operator", default="", metavar="ID", help="whose; left out = a market's, for all of them")
    parser.add_argument("--source", default="", help="where the prices are from; left out = the file's name")


def _prices(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.reports import import_prices
    from backend.store.price_series import Origin

    try:
        text = options.file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"can't read {options.file}: {error}") from error
    origin, now = Origin(options.operator, options.source or options.file.name), settings.clock.build().utc()

    async def work(store: "Store") -> tuple[int, int]:
        return await store.write(lambda unit: import_prices(unit, options.series, text, origin, now))

    added, released = with_store(settings, work)
    print(f"{options.series}: {added} prices added")
    if released:
        print(f"{released} held transactions were released")
    return 0


def _rerate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("transaction", type=int, help="number of a transaction that is rated")
    parser.add_argument("--reason", required=True, help="why; stored with the new rating")


def _rerate(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.reports import rate_again

    async def work(store: "Store") -> None:
        await store.write(lambda unit: rate_again(unit, options.transaction, options.reason))

    with_store(settings, work)
    print(f"transaction {options.transaction} will be rated again by the backend that serves, within a minute")
    return 0


def with_store(settings: Settings, work: "Callable[[Store], Awaitable[T]]") -> T:
    """Do something with the database, which is brought up to date first."""
    from backend.store.migrate import migrate
    from backend.store.writer import open_store

    if not settings.store.path.exists():
        where = f"there is no database {settings.store.path}"
        raise BackendError(f"{where}: name the settings by --config, or begin with `migrate`")
    migrate(settings.store.path)

    async def run() -> T:
        async with open_store(settings.store.path) as store:
            return await work(store)

    return asyncio.run(run())


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Give lines of a table, first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (heading, *rows)) for i in range(len(heading))]
    for row in (heading, *rows):
        first, *others = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(("  " + first, *others))


COMMANDS = (
    Command("simulate", "price a past month by other tariffs: totals, winners, losers", _simulate_arguments, _simulate),
    Command("recompute", "prove that each stored rating computes again to the same", _recompute_arguments, _recompute),
    Command("prices", "import a price series", _prices_arguments, _prices),
    Command("rerate", "let a rated transaction be rated again", _rerate_arguments, _rerate),
)
"""Below `emops-backend tariff`, beside those of `backend.commands.tariff`."""
