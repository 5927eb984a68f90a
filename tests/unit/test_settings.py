"""Settings are refused at the door, all at once, kindly, and without showing a secret."""

import os
import re
from pathlib import Path

import pydantic
import pytest

from oxyq.errors import ConfigurationError
from oxyq.queues import OVERRIDE_NAMES, POLICIES
from oxyq.settings import Settings, load_settings, settings_markdown, settings_table

SECRET = "s3cret-" * 5
REDIS = "rediss://default:pa%23ss@redis.example:6379"


def problems(**environ: str) -> dict[str, str]:
    """What is wrong with this environment, by variable."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ)
    return dict(line.split(": ", 1) for line in caught.value.problems)


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    settings = load_settings({})

    assert settings.redis_url is None
    assert settings.jwt_secret is None
    assert not settings.is_production
    assert (settings.redis_prefix, settings.redis_tls_verify, settings.redis_ca_file) == ("bull", True, None)
    assert (settings.host, settings.port) == ("127.0.0.1", 3001)
    assert (settings.log_level, settings.log_format, settings.default_gateway) == ("info", "auto", "simulator")
    assert (settings.data_dir, settings.simulator_log_path) == (Path(".oxyq"), Path(".oxyq/simulator.jsonl"))
    assert (settings.stop_grace_seconds, settings.lock_seconds) == (25, 30)
    assert (settings.stalled_interval_seconds, settings.max_stalled, settings.sweep_seconds) == (10, 3, 180)
    assert settings.policies == POLICIES


def test_every_variable_is_read(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()

    settings = load_settings(
        {
            "REDIS_URL": REDIS,
            "OXYQ_ENV": "Production",
            "OXYQ_REDIS_PREFIX": "shop",
            "OXYQ_REDIS_TLS_VERIFY": "False",
            "OXYQ_REDIS_CA_FILE": str(ca_file),
            "OXYQ_DATA_DIR": "/data",
            "OXYQ_HOST": "0.0.0.0",  # noqa: S104 - what a container sets
            "OXYQ_PORT": "80",
            "OXYQ_JWT_SECRET": SECRET,
            "OXYQ_LOG_LEVEL": "DEBUG",
            "OXYQ_LOG_FORMAT": "json",
            "OXYQ_GATEWAY": "simulator",
            "OXYQ_SIMULATOR_LOG": "/tmp/log.jsonl",
            "OXYQ_STOP_GRACE_SECONDS": "1.5",
            "OXYQ_LOCK_SECONDS": "5",
            "OXYQ_STALLED_INTERVAL_SECONDS": "2",
            "OXYQ_MAX_STALLED": "1",
            "OXYQ_SWEEP_SECONDS": "3",
            "OXYQ_CAMPAIGN_RATE": "30/60",
        }
    )

    assert settings.redis_url == REDIS
    assert settings.is_production
    assert (settings.redis_prefix, settings.redis_tls_verify, settings.redis_ca_file) == ("shop", False, ca_file)
    assert (settings.data_dir, settings.port, settings.log_level) == (Path("/data"), 80, "debug")
    assert settings.jwt_secret is not None
    assert settings.jwt_secret.get_secret_value() == SECRET
    assert settings.simulator_log_path == Path("/tmp/log.jsonl")
    assert (settings.stop_grace_seconds, settings.lock_seconds, settings.sweep_seconds) == (1.5, 5, 3)
    assert (settings.stalled_interval_seconds, settings.max_stalled) == (2, 1)
    assert settings.policies["campaign"].rate_max == 30


def test_without_a_mapping_the_process_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OXYQ_") or name in ("REDIS_URL", "PORT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OXYQ_PORT", "4321")

    assert load_settings().port == 4321


@pytest.mark.parametrize("break_", ["\n", "\\n"])
def test_a_public_key_is_taken_as_text_or_file(tmp_path: Path, break_: str) -> None:
    """Many hosts keep a variable on one line, with \\n for its line breaks."""
    pem = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----"
    file = tmp_path / "key.pem"
    file.write_text(pem + "\n")

    for given in (pem.replace("\n", break_), str(file)):
        assert load_settings({"OXYQ_JWT_PUBLIC_KEY": given}).jwt_public_key == pem


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(pydantic.ValidationError):
        load_settings({}).port = 5  # type: ignore[misc]


def test_the_environment_only_counts_through_the_one_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXYQ_PORT", "not even a number")

    assert Settings().port == 3001


@pytest.mark.parametrize(
    ("environ", "port"),
    [({"PORT": "10000"}, 10000), ({"PORT": "10000", "OXYQ_PORT": "5"}, 5), ({"OXYQ_PORT": "0"}, 0)],
)
def test_the_port_of_the_hoster_is_taken_unless_ours_is_set(environ: dict[str, str], port: int) -> None:
    assert load_settings(environ).port == port


def test_foreign_variables_are_none_of_our_business() -> None:
    assert load_settings({"PATH": "", "HOME": " ", "REDIS_HOST": "x", "oxyq_port": "x"}) == load_settings({})


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("OXYQ_PROT", "1", "there is no such setting; did you mean OXYQ_PORT?"),
        ("OXYQ_MESSAGE_CONCURENCY", "1", "there is no such setting; did you mean OXYQ_MESSAGE_CONCURRENCY?"),
        ("OXYQ_REDIS_URL", "redis://host", "there is no such setting; did you mean REDIS_URL?"),
        ("OXYQ_ZZZ", "1", "there is no such setting; remove it"),
        ("OXYQ_PORT", "", "is empty; give it a value or remove it"),
        ("OXYQ_PORT", "  ", "is empty; give it a value or remove it"),
        ("OXYQ_PORT", "80\n", "has spaces or a line break around it; remove them"),
        ("OXYQ_PORT", '"80"', "has quotes around it; remove them"),
        ("OXYQ_PORT", '"', "must be a whole number"),
        ("OXYQ_PORT", "'80'", "has quotes around it; remove them"),
        ("OXYQ_PORT", "eighty", "must be a whole number from 0 to 65535, not 'eighty'"),
        ("OXYQ_PORT", "65536", "must be a whole number from 0 to 65535, not '65536'"),
        ("OXYQ_PORT", "-1", "must be a whole number from 0 to 65535, not '-1'"),
        ("PORT", "x", "must be a whole number from 0 to 65535, not 'x'"),
        ("PORT", "", "is empty; give it a value or remove it"),
        ("OXYQ_MAX_STALLED", "1.5", "must be a whole number from 0 to 100, not '1.5'"),
        ("OXYQ_LOCK_SECONDS", "nan", "must be a number from 0.1 to 3600, not 'nan'"),
        ("OXYQ_LOCK_SECONDS", "inf", "must be a number from 0.1 to 3600, not 'inf'"),
        ("OXYQ_LOCK_SECONDS", "0", "must be a number from 0.1 to 3600, not '0'"),
        ("OXYQ_ENV", "prod", "must be development or production, not 'prod'"),
        ("OXYQ_ENV", "prodution", "did you mean production?"),
        ("OXYQ_LOG_LEVEL", "warn", "did you mean warning?"),
        ("OXYQ_LOG_FORMAT", "xml", "must be auto or json or text, not 'xml'"),
        ("OXYQ_GATEWAY", "simulater", "did you mean simulator?"),
        ("OXYQ_REDIS_TLS_VERIFY", "maybe", "must be true or false, not 'maybe'"),
        ("OXYQ_REDIS_CA_FILE", "/nowhere/ca.pem", "is no file"),
        ("OXYQ_REDIS_BUDGET", "0", "must be a whole number from 1 to 1000000000"),
        ("OXYQ_REDIS_BUDGET", "plenty", "must be a whole number from 1 to 1000000000"),
        ("OXYQ_REDIS_PREFIX", "a b", "must be 1 to 64 letters, digits"),
        ("OXYQ_JWT_SECRET_PREVIOUS", "x" * 31, "must have at least 32 bytes"),
        ("OXYQ_JWT_PUBLIC_KEY", "/nowhere/key.pem", "must be a PEM text, or the path of a PEM file"),
        ("OXYQ_JWT_PUBLIC_KEY", "-----BEGIN PRIVATE KEY-----", "is a private key; give only the public one"),
        ("OXYQ_JWT_PUBLIC_KEY", "-----BEGIN CERTIFICATE-----", "must hold -----BEGIN PUBLIC KEY-----"),
        ("OXYQ_TRUSTED_PROXIES", "6", "must be a whole number from 0 to 5, not '6'"),
        ("OXYQ_JWT_SECRET", "x" * 31, "must have at least 32 bytes; make one with: openssl rand -hex 32"),
        ("OXYQ_CAMPAIGN_RATE", "100", "such as 100/60"),
        ("OXYQ_CAMPAIGN_RATE", "", "is empty; give it a value or remove it"),
    ],
)
def test_a_bad_setting_is_refused_by_name_and_with_a_fix(name: str, text: str, problem: str) -> None:
    found = problems(**{name: text})

    assert list(found) == [name]
    assert problem in found[name]


def test_a_secret_of_32_bytes_is_enough_and_bytes_are_what_counts() -> None:
    assert load_settings({"OXYQ_JWT_SECRET": "é" * 16}).jwt_secret


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6379",
        "redis://localhost:6379/0",
        "REDIS://localhost",
        "redis://10.0.0.1:6380/15?protocol=3",
        "redis://[::1]:6379",
        "redis://:password@host:6379",
        "rediss://default:A%23b%40c%2Fd%3Ae@eu1-x.upstash.io:6379",
        "unix:///run/redis.sock",
        "unix://user:password@/run/redis.sock?db=1",
        "rediss+sentinel://:password@h1:26379,h2/mymaster/0?sentinel_password=a%26b",
    ],
)
def test_a_good_address_is_taken_as_it_is(url: str) -> None:
    assert load_settings({"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://:pass-w0rd@host:6379", "must begin with redis://"),
        ("host:6379", "must begin with redis://"),
        ("redis://", "has no host"),
        ("redis://:pass-w0rd@", "has no host"),
        ("redis://:pass-w0rd@host:", "has no usable host and port"),
        ("redis://:pass-w0rd@host:0", "has no usable host and port"),
        ("redis://:pass-w0rd@host:65536", "has no usable host and port"),
        ("redis://:pass-w0rd@host:abc", "has no usable host and port"),
        ("redis://[::1:6379", "has no usable host and port"),
        ("redis://:pass-w0rd@host:6379/cache", "must have a number as its path"),
        ("redis://host:6379#1", "write %23"),
        ("redis://ho st:6379", "has a space or line break"),
        ("redis://:pass-w0rd#@host:6379", "percent-encoded; write %23 for #, %40 for @, %2F for /, %3A for :"),
        ("redis://:pass-w0rd@@host:6379", "percent-encoded"),
        ("redis://:pass-w0rd/@host:6379", "percent-encoded"),
        ("redis://:pass-w0rd:@host:6379", "percent-encoded"),
        ("redis://:pass-w0rd?@host:6379", "percent-encoded"),
        ("redis://:pass-w0rd%@host:6379", "percent-encoded"),
        ("redis://:pass-w0rd @host:6379", "percent-encoded"),
        ("unix://run/redis.sock", "such as unix:///run/redis.sock"),
        ("unix://", "such as unix:///run/redis.sock"),
        ("redis://:pass-w0rd@host:6379\n", "line break around it"),
        ("'redis://:pass-w0rd@host:6379'", "quotes around it"),
        ("", "is empty"),
    ],
)
def test_a_bad_address_is_refused_without_showing_the_password(url: str, problem: str) -> None:
    found = problems(REDIS_URL=url)

    assert problem in found["REDIS_URL"]
    assert "pass-w0rd" not in str(found)


def test_a_cluster_needs_a_prefix_that_keeps_all_keys_together() -> None:
    assert problems(REDIS_URL="redis+cluster://host:7001", OXYQ_REDIS_PREFIX="shop") == {
        "OXYQ_REDIS_PREFIX": "would spread our keys over the cluster of REDIS_URL, where no script could reach all of "
        "them; write {shop}"
    }
    assert problems(REDIS_URL="redis+cluster://host:7001")["OXYQ_REDIS_PREFIX"].endswith("write {bull}")
    assert load_settings({"REDIS_URL": "redis+cluster://host:7001", "OXYQ_REDIS_PREFIX": "{shop}"}).redis_url


@pytest.mark.parametrize(("mode", "is_taken"), [(0o600, True), (0o400, True), (0o604, False), (0o644, False)])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int, is_taken: bool) -> None:
    (tmp_path / "client.crt").touch()
    key = tmp_path / "client.key"
    key.touch(mode)
    key.chmod(mode)
    files = {"OXYQ_REDIS_CLIENT_CERT": str(tmp_path / "client.crt"), "OXYQ_REDIS_CLIENT_KEY": str(key)}

    if is_taken:
        assert load_settings(files).redis_client_key == key
    else:
        assert problems(**files) == {
            "OXYQ_REDIS_CLIENT_KEY": f"can be read by others on this machine; run: chmod 600 {key}"
        }


def test_a_key_without_its_certificate_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "client.key"
    key.touch(0o600)

    assert problems(OXYQ_REDIS_CLIENT_KEY=str(key)) == {
        "OXYQ_REDIS_CLIENT_CERT": "is missing; give the certificate of OXYQ_REDIS_CLIENT_KEY"
    }


def test_metrics_that_others_could_read_need_a_token() -> None:
    production = {"OXYQ_ENV": "production", "REDIS_URL": REDIS, "OXYQ_JWT_SECRET": SECRET}
    for needs_it in (
        {**production, "OXYQ_METRICS_PORT": "9464"},
        {"OXYQ_METRICS_PORT": "9464", "OXYQ_METRICS_HOST": "10.0.0.7"},
        {"OXYQ_METRICS_ORGANIZATIONS": "20"},
    ):
        assert set(problems(**needs_it)) == {"OXYQ_METRICS_TOKEN"}
        assert load_settings({**needs_it, "OXYQ_METRICS_TOKEN": SECRET})
    assert load_settings({"OXYQ_METRICS_PORT": "9464"}).metrics_host == "127.0.0.1"
    assert "s3cret" not in problems(OXYQ_METRICS_TOKEN="s3cret")["OXYQ_METRICS_TOKEN"]


def test_every_problem_is_told_at_once_and_no_secret_is_shown() -> None:
    found = problems(
        REDIS_URL="http://:pass-w0rd@host",
        OXYQ_JWT_SECRET="short-s3cret",
        OXYQ_PORT="x",
        OXYQ_ENV="",
        OXYQ_ZZZ="pass-w0rd",
        OXYQ_CAMPAIGN_RATE="x",
        OXYQ_MESSAGE_CONCURRENCY="0",
    )

    assert set(found) == {
        "REDIS_URL",
        "OXYQ_JWT_SECRET",
        "OXYQ_PORT",
        "OXYQ_ENV",
        "OXYQ_ZZZ",
        "OXYQ_CAMPAIGN_RATE",
        "OXYQ_MESSAGE_CONCURRENCY",
    }
    assert not re.search("pass-w0rd|s3cret", str(found))


def test_printed_settings_show_no_secret() -> None:
    settings = load_settings({"REDIS_URL": REDIS, "OXYQ_JWT_SECRET": SECRET})

    assert not re.search("pa%23ss|s3cret", f"{settings!r} {settings}")


def test_production_needs_its_own_redis_and_secret() -> None:
    assert set(problems(OXYQ_ENV="production")) == {"REDIS_URL", "OXYQ_JWT_SECRET"}
    assert load_settings({"OXYQ_ENV": "production", "REDIS_URL": REDIS, "OXYQ_JWT_SECRET": SECRET})


def test_a_wrong_secret_in_production_is_wrong_and_not_missing() -> None:
    found = problems(OXYQ_ENV="production", REDIS_URL=REDIS, OXYQ_JWT_SECRET="short")

    assert "at least 32 bytes" in found["OXYQ_JWT_SECRET"]


def test_the_table_lists_every_variable_that_is_read() -> None:
    listed = {name for name, _, _ in settings_table()}
    by_queue = {name.replace("<QUEUE>", queue) for name in listed for queue in ("MESSAGE", "AUTOMATION", "CAMPAIGN")}

    assert {field.alias for field in Settings.model_fields.values() if field.alias} <= listed
    assert by_queue - listed == set(OVERRIDE_NAMES)
    assert all(meaning for _, _, meaning in settings_table())


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("REDIS_URL", "–"),
        ("OXYQ_PORT", "`3001`"),
        ("OXYQ_REDIS_TLS_VERIFY", "`true`"),
        ("OXYQ_<QUEUE>_ATTEMPTS", "`3`"),
        ("OXYQ_<QUEUE>_CONCURRENCY", "message `5`, automation `5`, campaign `3`"),
        ("OXYQ_<QUEUE>_RATE", "message `10/1`, automation `20/1`, campaign `100/60`"),
    ],
)
def test_the_table_tells_the_defaults(name: str, default: str) -> None:
    [row] = [row for row in settings_table() if row[0] == name]

    assert row[1] == default
    assert f"| `{name}` | {default} | {row[2]} |" in settings_markdown().splitlines()


def test_the_readme_has_the_table_of_all_settings() -> None:
    """Remake it with: python -c 'from oxyq.settings import settings_markdown as m; print(m())'."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

    assert settings_markdown() in readme


# --- several servers ---------------------------------------------------------------------------------------


def test_shards_are_home_and_those_that_are_named_and_each_has_its_settings() -> None:
    settings = load_settings({"REDIS_URL": "redis://a", "OXYQ_REDIS_SHARDS": "south=rediss://:pw@b:1  north=redis://c"})
    assert settings.shards == ("home", "south", "north")
    assert settings.of_shard("south").redis_url == "rediss://:pw@b:1"
    assert settings.of_shard("home").redis_url == "redis://a"
    assert settings.of_shard("north").shards == ("home",)
    assert "pw" not in repr(settings)
    with pytest.raises(ConfigurationError, match="no shard east; known are home, south, north"):
        settings.of_shard("east")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("redis://:pw@b", "entry 1 must be a name and a URL"),
        ("home=redis://b", "entry 1 must be a name and a URL"),
        ("South=redis://b", "entry 1 must be a name and a URL"),
        ("a=redis://b a=redis://c", r"entry 2 \(a\) is there twice"),
        ("a=redis://b b=redis://b", r"entry 2 \(b\) is there twice"),
        ("a=http://:pw@b", "a: the URL must begin with redis://"),
        ("a=redis://a", "names the server of REDIS_URL"),
    ],
)
def test_shards_that_cannot_be_are_refused_and_no_password_is_told(given: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=f"OXYQ_REDIS_SHARDS: .*{problem}") as refused:
        load_settings({"REDIS_URL": "redis://a", "OXYQ_REDIS_SHARDS": given})
    assert "pw" not in str(refused.value)


def test_shards_need_a_home() -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL: is missing; OXYQ_REDIS_SHARDS adds to the server there"):
        load_settings({"OXYQ_REDIS_SHARDS": "south=redis://b"})
