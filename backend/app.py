"""The program: the store, the OCPP server, the web pages and the jobs, all in one event loop."""

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from signal import SIGINT, SIGTERM

import uvicorn
from fastapi import FastAPI

from backend.core.rates.rating import Policy
from backend.csms.commands import Commands
from backend.csms.connections import Connections
from backend.csms.control import control_path, listen_for_commands
from backend.csms.orders import Orders
from backend.csms.server import OcppServer
from backend.csms.signing import Renewals, Signing
from backend.documents.look import read_looks
from backend.errors import ListenError
from backend.jobs.health import JobHealth
from backend.jobs.live_price import LivePrices
from backend.jobs.runner import Watch, run_jobs
from backend.jobs.send_mail import open_templates
from backend.people.vault import Vault, key_path
from backend.settings import Settings, check_doors
from backend.store.accounts import any_account
from backend.store.backup import serving
from backend.store.migrate import migrate
from backend.store.writer import open_store
from backend.web.pages import make_web
from shared.log import Log

log = Log(__name__)

_WEB_CLOSE_S = 1
"""For web requests under way when the program ends."""


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Run the backend until SIGTERM or SIGINT, which end it within 5 s.

    Args:
        settings: of the program.
        ready: is given one line with both addresses when stations and browsers can connect.

    Raises:
        SchemaError: the database can't be used.
        StoreError: another program serves it.
        LookError: the look of an operator's papers can't be used.
        MailError: a text of a letter can't be used.
        ListenError: an address can't be listened on.
        ConfigError: strangers could use the pages.
    """
    read_looks(settings.billing.looks_folder)  # better now than when the first invoice is due
    with serving(settings.store.path):
        open_templates(settings.mail)  # a text that can't be used is told now, not when it is needed
        done = migrate(settings.store.path)
        if done.before != done.after:
            log.info("database_migrated", path=settings.store.path, before=done.before or "nothing", after=done.after)
        asyncio.run(_serve(settings, ready))


async def _serve(settings: Settings, ready: Callable[[str], None]) -> None:
    ended = asyncio.Event()
    for number in (SIGTERM, SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    clock = settings.clock.build()
    connections = Connections()
    commands = Commands(connections)
    server = settings.server
    async with open_store(settings.store.path) as store:
        has_users = await store.read(any_account)
        check_doors(server, has_users)
        if server.web_password:
            log.info("web_password", counts="no: there are users" if has_users else "until the first user is added")
        orders = Orders(store, clock, connections, commands)
        health = JobHealth()
        application = make_web(store, connections, clock, settings, commands=commands, orders=orders, health=health)
        web_socket = _bind(server.web_host, server.web_port)
        web = _Web(application)
        web_url = _url("http", server.web_host, web_socket.getsockname()[1])
        prices = LivePrices(store, Policy(settings.billing.flat_needs_energy))
        signing = Signing(Vault(key_path(settings.store.path)).open, settings.tls.station_days)
        renewals = Renewals(store, clock, connections, settings.tls.renew_days)
        ocpp = OcppServer(
            store, connections, clock, settings.ocpp, prices.last, tls=settings.tls, sign=signing.on_sign_certificate
        )
        async with (
            ocpp.listen(server.ocpp_host, server.ocpp_port) as ocpp_port,
            listen_for_commands(control_path(settings.store.path), commands, orders),
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(web.serve([web_socket]), name="web")
            watch = Watch(connections, Vault(key_path(settings.store.path)).open, health)
            work = run_jobs(
                store,
                clock,
                settings,
                prices=prices,
                send=commands.send,
                is_free=connections.is_free,
                give=orders.give,
                version_of=connections.version_of,
                watch=watch,
            )
            jobs = [tasks.create_task(work, name="jobs"), tasks.create_task(orders.run(), name="orders")]
            jobs.append(tasks.create_task(renewals.run(), name="renewals"))
            await web.ready.wait()
            ocpp_url = _url("wss" if settings.tls.certificate else "ws", server.ocpp_host, ocpp_port)
            ready(f"emops-backend ready: ocpp={ocpp_url}ocpp/ web={web_url}")
            await ended.wait()
            log.info("ending")
            await application.state.live.close()
            web.should_exit = True
            for job in jobs:
                job.cancel()


class _Web(uvicorn.Server):
    """The web server, with the signals left to us and an event that tells when it serves."""

    def __init__(self, application: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                lifespan="on",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_WEB_CLOSE_S,
            )
        )
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise ListenError(f"can't listen for browsers on {host}, port {port}: {error.strerror}") from error


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
