"""Redis behind TLS: who is believed, how we say who we are, and what is told when it does not work."""

import asyncio
import datetime
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from oxyq.engine import Hub, Queue
from oxyq.engine.address import Address
from oxyq.engine.blocking import BlockingConnection
from oxyq.engine.connection import Connection
from oxyq.engine.events import JobCompleted
from oxyq.engine.tls_errors import explained
from oxyq.errors import ConfigurationError, QueueUnavailable
from oxyq.redis_connection import redis_client
from tests.redis_server import RedisServer, make_certificates, sign_certificate

PASSWORD = "p@ss/w#rd:?%é"


async def over_ours(address: Address) -> None:
    """The connection of the hot path."""
    connection = Connection(address)
    connection.start()
    try:
        async with asyncio.timeout(20):
            while not connection.is_ready:
                if connection.last_error is not None:
                    raise QueueUnavailable(connection.last_error)
                await asyncio.sleep(0.01)
            await connection.call("PING")
    finally:
        await connection.close()


async def over_a_thread(address: Address) -> None:
    """The connection of the lock guard, and of those who look for the master."""

    def ping() -> None:
        with BlockingConnection(address, 2) as connection:
            connection.call("PING")

    try:
        await asyncio.to_thread(ping)
    except OSError as error:
        raise QueueUnavailable(explained(error)) from error


async def over_redis_py(address: Address) -> None:
    """The connection of everything else."""
    async with redis_client(address) as client:
        await client.ping()


WAYS = [over_ours, over_a_thread, over_redis_py]
#: Those that do not try again by themselves for seconds.
IMPATIENT = [over_ours, over_a_thread]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
each_impatient_way = pytest.mark.parametrize("way", IMPATIENT, ids=lambda way: way.__name__)
Way = Callable[[Address], Awaitable[None]]


async def test_job_travels_over_tls_with_a_password_of_special_characters(start_redis, prefix, start_worker, told):
    # Given a server whose authority we know
    own = start_redis(tls=True, password=PASSWORD)
    assert own.url.startswith("rediss://")
    hub = Hub(Address.from_url(own.url, ca_file=str(own.ca_file)), prefix=prefix)
    queue = Queue("work", hub=hub)

    async def handler(job):
        return job.data["n"] + 1

    # When
    await start_worker(handler, hub=hub)
    job_id = await queue.add("task", {"n": 1})

    # Then
    await told.until(1, lambda event: isinstance(event, JobCompleted))
    assert (await queue.job(job_id)).result == 2
    await hub.close()


@each_way
async def test_a_user_of_special_characters_is_let_in(start_redis, way: Way):
    own = start_redis("--user", "loja:ü@norte", "on", f">{PASSWORD}", "~*", "&*", "+@all", password="other")

    await way(Address.from_url(f"redis://loja%3A%C3%BC%40norte:p%40ss%2Fw%23rd%3A%3F%25%C3%A9@127.0.0.1:{own.port}"))


@each_way
async def test_a_server_is_reached_over_ipv6_and_tls(tmp_path, way: Way):
    with RedisServer(tmp_path, host="::1", tls=True, password=PASSWORD) as own:
        assert "@[::1]:" in own.url

        await way(Address.from_url(own.url, ca_file=str(own.ca_file)))


@each_way
async def test_a_server_that_asks_who_we_are_is_told(tmp_path, way: Way):
    with RedisServer(tmp_path, tls=True, client_auth=True) as own:
        files = {"client_cert": str(own.client_cert), "client_key": str(own.client_key)}

        await way(Address.from_url(own.url, ca_file=str(own.ca_file), **files))


@each_impatient_way
async def test_a_server_that_asks_who_we_are_refuses_a_stranger_and_the_fix_is_said(tmp_path, way: Way):
    with (
        RedisServer(tmp_path, tls=True, client_auth=True) as own,
        pytest.raises(QueueUnavailable, match="give OXYQ_REDIS_CLIENT_CERT"),
    ):
        await way(Address.from_url(own.url, ca_file=str(own.ca_file)))


@asynccontextmanager
async def tls_server(folder):
    """Shows the server.crt of a folder and ends every connection; yields its port, and the names it was asked for."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    # A client that refuses the certificate is what is tested here, and no news for the loop's log.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)

    async def end(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(end, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], names


def expired(folder) -> None:
    """Make server.crt anew, so that it ended yesterday."""
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    authority_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    server = x509.load_pem_x509_certificate((folder / "server.crt").read_bytes())
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    now = datetime.datetime.now(datetime.UTC)
    old = x509.CertificateBuilder(
        authority.subject, server.subject, server.public_key(), x509.random_serial_number(),
        now - datetime.timedelta(days=9), now - datetime.timedelta(days=1), list(server.extensions),
    ).sign(authority_key, hashes.SHA256())  # fmt: skip
    (folder / "server.crt").write_bytes(old.public_bytes(serialization.Encoding.PEM))


#: What is wrong with a certificate -> how it comes about, and the fix that must be told.
WRONG = {
    "unknown": (lambda _: None, "OXYQ_REDIS_CA_FILE"),
    "another name": (lambda folder: sign_certificate(folder, "server", "DNS:redis.example"), "for another name"),
    "expired": (expired, "renew it"),
}


@each_impatient_way
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_certificate_that_cannot_be_believed_is_refused_with_the_fix(tmp_path, wrong: str, way: Way):
    # Given
    authority = make_certificates(tmp_path)
    spoil, fix = WRONG[wrong]
    spoil(tmp_path)
    async with tls_server(tmp_path) as (port, _):
        ca_file = None if wrong == "unknown" else str(authority)

        # When, Then
        with pytest.raises(QueueUnavailable, match=f"certificate verify failed.*{fix}"):
            await way(Address.from_url(f"rediss://localhost:{port}", ca_file=ca_file))


async def test_an_authority_of_ours_replaces_those_of_the_system_in_every_client(tmp_path):
    """Whoever has a certificate of a public authority must not pass for a server of our own."""
    context = Address.from_url("rediss://host", ca_file=str(make_certificates(tmp_path))).tls_context()

    assert context is not None
    assert [dict(part[0] for part in found["subject"])["commonName"] for found in context.get_ca_certs()] == [
        "Oxyq test authority"
    ]


@each_impatient_way
async def test_the_servers_name_is_sent_as_the_url_has_it(tmp_path, way: Way):
    """Many servers behind one address, as hosts have them, choose the certificate by it (SNI)."""
    authority = make_certificates(tmp_path)
    async with tls_server(tmp_path) as (port, names):
        with pytest.raises(QueueUnavailable):
            await way(Address.from_url(f"rediss://localhost:{port}", ca_file=str(authority)))

        assert set(names) == {"localhost"}


async def test_verification_can_be_turned_off(start_redis, prefix):
    own = start_redis(tls=True)
    hub = Hub(Address.from_url(own.url, verify_tls=False), prefix=prefix)

    assert await Queue("work", hub=hub).add("task", {}, job_id="there") == "there"
    await hub.close()


@each_impatient_way
async def test_tls_to_a_server_without_it_is_told_with_the_fix(redis_server, way: Way):
    with pytest.raises(QueueUnavailable, match=r"speaks no TLS.*write redis://"):
        await way(Address.from_url(redis_server.url.replace("redis://", "rediss://")))


async def test_plain_connection_to_a_tls_server_says_that_it_cannot_be_reached(start_redis, prefix):
    own = start_redis(tls=True)
    url = own.url.replace("rediss://", "redis://")
    queue = Queue("work", redis_url=url, prefix=prefix, patience_seconds=0.5)

    with pytest.raises(QueueUnavailable, match="cannot be reached"):
        await queue.add("task", {})
    await queue.close()


def encrypted(folder) -> None:
    key = serialization.load_pem_private_key((folder / "client.key").read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    (folder / "client.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, secret))


FILES = {
    "an authority that is none": (lambda folder: (folder / "ca.crt").write_text("x"), "OXYQ_REDIS_CA_FILE"),
    "a key of another": (
        lambda folder: (folder / "server.key").rename(folder / "client.key"),
        "OXYQ_REDIS_CLIENT_CERT",
    ),
    "an encrypted key": (encrypted, "not encrypted"),
}


@pytest.mark.parametrize("wrong", FILES)
def test_a_file_that_cannot_be_used_is_named(tmp_path, wrong: str):
    """And nobody is asked for a password at a terminal that nobody looks at."""
    make_certificates(tmp_path)
    spoil, named = FILES[wrong]
    spoil(tmp_path)
    files = {
        "ca_file": str(tmp_path / "ca.crt"),
        "client_cert": str(tmp_path / "client.crt"),
        "client_key": str(tmp_path / "client.key"),
    }

    with pytest.raises(ConfigurationError, match=named):
        Address.from_url("rediss://host", **files).tls_context()
