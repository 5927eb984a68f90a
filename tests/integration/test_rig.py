"""The rig keeps its promises: a server that really dies and comes back."""

import socket
import ssl

import pytest

from tests.conftest import StartRedis
from tests.redis_server import RedisServer


async def test_shared_server_answers_and_keeps_nothing_on_disk(redis_client, prefix):
    await redis_client.set(f"{prefix}:greeting", "olá", ex=60)

    assert await redis_client.get(f"{prefix}:greeting") == "olá"
    assert await redis_client.config_get("appendonly") == {"appendonly": "no"}
    assert await redis_client.config_get("save") == {"save": ""}


def test_killed_server_refuses_and_comes_back_with_what_it_acknowledged(own_redis: RedisServer):
    # Given
    with own_redis.client() as client:
        client.set("kept", "yes")
    port = own_redis.port

    # When
    own_redis.kill()

    # Then
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    own_redis.restart()
    assert own_redis.port == port
    with own_redis.client() as client:
        assert client.get("kept") == "yes"


def test_restart_of_a_running_server_is_a_new_process(own_redis: RedisServer):
    before = own_redis.pid

    own_redis.restart()

    assert own_redis.pid != before


def test_paused_server_keeps_connections_and_answers_after_resume(own_redis: RedisServer):
    with own_redis.client() as client:
        client.ping()
        connection = client.connection_pool.get_connection()
        try:
            own_redis.pause()
            connection.send_command("PING")
            assert not connection.can_read(timeout=0.1)

            own_redis.resume()
            assert connection.can_read(timeout=5)
            assert connection.read_response() == "PONG"
        finally:
            client.connection_pool.release(connection)


def test_stop_and_kill_do_no_harm_to_a_server_that_is_gone(own_redis: RedisServer):
    own_redis.kill()

    own_redis.kill()
    own_redis.stop()


def test_password_with_special_characters_is_escaped_in_the_address(start_redis: StartRedis):
    server = start_redis(password="p@ss:w/rd#?%&")

    with server.client() as client:
        assert client.ping()
    assert "p@ss:w/rd#?%&" not in server.url


def test_tls_server_is_trusted_through_its_own_authority_only(start_redis: StartRedis):
    server = start_redis(tls=True)

    assert server.url.startswith("rediss://")
    with server.client() as client:
        assert client.ping()
    with (
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


def test_server_that_cannot_start_says_why(start_redis: StartRedis):
    with pytest.raises(RuntimeError, match="maxmemory-policy"):
        start_redis("--maxmemory-policy", "nonsense")
