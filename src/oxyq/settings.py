"""All settings, read from the environment once and refused kindly; no other file looks at it."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from oxyq.errors import ConfigurationError
from oxyq.queues import OVERRIDE_NAMES, OVERRIDES, POLICIES, QueuePolicy, policies
from oxyq.redis_url import hash_tag, read_redis_url

MIN_SECRET_BYTES: Final = 32
"""What HS256 asks of its key (RFC 7518, 3.2)."""

DefaultGateway = Literal["auto", "simulator", "none"]

HOME: Final = "home"
"""The shard at REDIS_URL: every organization that was pinned to no other is there, and the list of the others too."""
_SHARD_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")

_NEEDED_IN_PRODUCTION: Final = {
    "REDIS_URL": "give the address of your Redis, such as rediss://default:password@host:6379",
    "OXYQ_JWT_SECRET": "make one with: openssl rand -hex 32",
}
_SECRET_NAMES: Final = frozenset(
    (
        *_NEEDED_IN_PRODUCTION, "OXYQ_REDIS_SHARDS", "OXYQ_JWT_SECRET_PREVIOUS", "OXYQ_JWT_PUBLIC_KEY",
        "OXYQ_SECRETS_KEY", "OXYQ_BRIDGE_KEY", "OXYQ_OPENAI_KEY", "OXYQ_ANTHROPIC_KEY", "OXYQ_METRICS_TOKEN",
        "OXYQ_ALERT_WEBHOOK", "OXYQ_ALERT_SECRET",
    )
)  # fmt: skip
_SHOWN_CHARACTERS: Final = 60
_ONLY_HERE: Final = ("127.0.0.1", "::1", "localhost")


# --- checks of single values -------------------------------------------------------------------------------


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _checked_redis_url(url: str) -> str:
    """A URL that can be read; nothing of it is ever shown."""
    read_redis_url(url)
    return url


def _read_shards(given: object) -> object:
    """`name=url name=url` as a mapping; nothing of a URL is ever shown."""
    if not isinstance(given, str):
        return given
    shards: dict[str, str] = {}
    for number, pair in enumerate(given.split(), 1):
        name, mark, url = pair.partition("=")
        if not mark or not _SHARD_NAME.fullmatch(name) or name == HOME:
            raise ValueError(
                f"entry {number} must be a name and a URL, such as south=rediss://…; a name has small letters, "
                f"digits and -, and is not {HOME}, which is REDIS_URL"
            )
        if name in shards or url in shards.values():
            raise ValueError(f"entry {number} ({name}) is there twice, by its name or its URL; remove one")
        try:
            read_redis_url(url)
        except ValueError as error:
            raise ValueError(f"{name}: the URL {error}") from None
        shards[name] = url
    return shards


def _checked_secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode(errors="surrogateescape")) < MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes; make one with: openssl rand -hex 32")
    return secret


def _checked_webhook(url: SecretStr) -> SecretStr:
    """An address; nothing of it is ever shown, since of chat programs it is the key to a room."""
    try:
        parts = urlsplit(url.get_secret_value())
        is_one = parts.scheme in ("http", "https") and parts.hostname and not parts.username and not parts.fragment
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError("must be an address such as https://hooks.example.com/oxyq")
    return url


def _checked_public_key(given: str) -> str:
    """The text of the key; its file is read here, once."""
    pem = given.replace("\\n", "\n")  # many hosts keep a variable on one line
    if not pem.lstrip().startswith("-----BEGIN"):
        try:
            pem = Path(given).read_text(encoding="ascii")
        except (OSError, ValueError):
            raise ValueError("must be a PEM text, or the path of a PEM file") from None
    if "PRIVATE KEY" in pem:
        raise ValueError("is a private key; give only the public one, and keep this one where tokens are made")
    if "-----BEGIN PUBLIC KEY-----" not in pem:
        raise ValueError("must hold -----BEGIN PUBLIC KEY-----; openssl pkey -in key.pem -pubout makes it")
    return pem.strip()


def _checked_http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://host:3001")
    return url.rstrip("/")


def _checked_api_version(version: str) -> str:
    if not re.fullmatch(r"v[0-9]{1,3}\.[0-9]{1,2}", version):
        raise ValueError("must be a version of the Graph API, such as v26.0")
    return version


def _checked_prefix(prefix: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:{}-]{1,64}", prefix):
        raise ValueError("must be 1 to 64 letters, digits and _ . : { } -, such as bull")
    return prefix


def _checked_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("is no file; give the path of a PEM file with the certificates to trust")
    return path


def _checked_client_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("is no file; give the path of a PEM file")
    return path


def _checked_key_file(path: Path) -> Path:
    """As PostgreSQL's clients have it: nobody but its owner, or, where that is root, its group, may read it."""
    found = _checked_client_file(path).stat()
    if found.st_mode & (0o037 if found.st_uid == 0 else 0o077):
        raise ValueError(f"can be read by others on this machine; run: chmod 600 {path}")
    return path


# --- the settings ------------------------------------------------------------------------------------------


class Settings(BaseSettings):
    """Everything that can be set, with its default; `load_settings` fills it from the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", populate_by_name=True, validate_default=False)

    redis_url: Annotated[str, AfterValidator(_checked_redis_url)] | None = Field(
        default=None,
        alias="REDIS_URL",
        repr=False,  # it holds the password
        description="Redis or Valkey: `redis://`, `rediss://` (TLS), `unix://`, `redis+sentinel://` or "
        "`redis+cluster://`; unset, one is started",
    )
    redis_shards: Annotated[Mapping[str, str], BeforeValidator(_read_shards)] | None = Field(
        default=None,
        alias="OXYQ_REDIS_SHARDS",
        repr=False,  # passwords
        description="further Redis servers for organizations that `oxyq shards` puts there, as `name=url name=url`",
    )
    env: Annotated[Literal["development", "production"], BeforeValidator(_lower)] = Field(
        default="development",
        alias="OXYQ_ENV",
        description="`development` or `production`, which needs `REDIS_URL` and `OXYQ_JWT_SECRET`",
    )
    redis_prefix: Annotated[str, AfterValidator(_checked_prefix)] = Field(
        default="bull", alias="OXYQ_REDIS_PREFIX", description="BullMQ's prefix of all queue keys"
    )
    redis_tls_verify: Annotated[bool, BeforeValidator(_lower)] = Field(
        default=True,
        alias="OXYQ_REDIS_TLS_VERIFY",
        description="`false` accepts any certificate; only for a test",
    )
    redis_ca_file: Annotated[Path, AfterValidator(_checked_file)] | None = Field(
        default=None,
        alias="OXYQ_REDIS_CA_FILE",
        description="certificates to trust instead of the system's (PEM)",
    )
    redis_client_cert: Annotated[Path, AfterValidator(_checked_client_file)] | None = Field(
        default=None,
        alias="OXYQ_REDIS_CLIENT_CERT",
        description="certificate by which Redis knows us (PEM), where it asks for one",
    )
    redis_client_key: Annotated[Path, AfterValidator(_checked_key_file)] | None = Field(
        default=None,
        alias="OXYQ_REDIS_CLIENT_KEY",
        description="its key (PEM, not encrypted, mode 0600); unset, it is in the same file",
    )
    redis_budget: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        alias="OXYQ_REDIS_BUDGET",
        description="commands an hour that Redis may get; `/health/redis` warns when it gets more",
    )
    intake_memory_percent: int = Field(
        default=75,
        ge=10,
        le=100,
        alias="OXYQ_INTAKE_MEMORY_PERCENT",
        description="how much of Redis's `maxmemory` may be used before nothing new is taken in (503)",
    )
    data_dir: Path = Field(
        default=Path(".oxyq"), alias="OXYQ_DATA_DIR", description="where the embedded server keeps its data"
    )
    host: str = Field(default="127.0.0.1", alias="OXYQ_HOST", description="address the HTTP server listens on")
    port: int = Field(
        default=3001,
        ge=0,
        le=65535,
        alias="OXYQ_PORT",
        description="port of the HTTP server, 0 for any free one; `PORT` is taken if this is unset",
    )
    jwt_secret: Annotated[SecretStr, AfterValidator(_checked_secret)] | None = Field(
        default=None,
        alias="OXYQ_JWT_SECRET",
        description="key that signs tokens (HS256) and what addresses carry (pages of lists, handles of chats), "
        "32 bytes or more; unset, made in development",
    )
    jwt_secret_previous: Annotated[SecretStr, AfterValidator(_checked_secret)] | None = Field(
        default=None,
        alias="OXYQ_JWT_SECRET_PREVIOUS",
        description="the key before this one: what it signed is still good, so that nobody is thrown out by a change",
    )
    jwt_public_key: Annotated[str, AfterValidator(_checked_public_key)] | None = Field(
        default=None,
        alias="OXYQ_JWT_PUBLIC_KEY",
        description="public key (PEM, or the path of such a file) of who issues the tokens; its kind, Ed25519 or RSA, "
        "decides the one algorithm that is taken, EdDSA or RS256, and no HS256 then",
    )
    trusted_proxies: int = Field(
        default=0, ge=0, le=5, alias="OXYQ_TRUSTED_PROXIES",
        description="how many proxies stand in front: so many last entries of `X-Forwarded-For` are believed",
    )  # fmt: skip
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        default="info", alias="OXYQ_LOG_LEVEL", description="`debug`, `info`, `warning` or `error`"
    )
    log_format: Annotated[Literal["auto", "json", "text"], BeforeValidator(_lower)] = Field(
        default="auto", alias="OXYQ_LOG_FORMAT", description="`text`, `json`, or `auto`: text on a terminal"
    )
    gateway: Annotated[DefaultGateway, BeforeValidator(_lower)] = Field(
        default="auto",
        alias="OXYQ_GATEWAY",
        description="who sends for numbers that `oxyq instances` does not know: `simulator` only writes a log, "
        "`none` refuses, `auto` is `none` in production",
    )
    simulator_log: Path | None = Field(
        default=None,
        alias="OXYQ_SIMULATOR_LOG",
        description="what the simulator received; unset, `simulator.jsonl` in `OXYQ_DATA_DIR`",
    )
    secrets_key: Annotated[SecretStr, AfterValidator(_checked_secret)] | None = Field(
        default=None,
        alias="OXYQ_SECRETS_KEY",
        description="key that seals what gateways need (tokens), 32 bytes or more; `new,old` changes it",
    )
    cloud_api_url: Annotated[str, AfterValidator(_checked_http_url)] = Field(
        default="https://graph.facebook.com", alias="OXYQ_CLOUD_API_URL", description="Meta's Graph API"
    )
    cloud_api_version: Annotated[str, AfterValidator(_checked_api_version)] = Field(
        default="v26.0", alias="OXYQ_CLOUD_API_VERSION", description="and its version"
    )
    bridge_key: Annotated[SecretStr, AfterValidator(_checked_secret)] | None = Field(
        default=None,
        alias="OXYQ_BRIDGE_KEY",
        description="key that the Baileys bridge and we share, and that seals its sessions; 32 bytes or more",
    )
    bridge_host: str = Field(default="127.0.0.1", alias="OXYQ_BRIDGE_HOST", description="address the bridge listens on")
    bridge_port: int = Field(
        default=3002, ge=0, le=65535, alias="OXYQ_BRIDGE_PORT", description="port of the bridge, 0 for any free one"
    )
    bridge_url: Annotated[str, AfterValidator(_checked_http_url)] | None = Field(
        default=None, alias="OXYQ_BRIDGE_URL", description="how workers reach this bridge; unset, by host and port"
    )
    bridge_instances: int = Field(
        default=50, ge=1, le=1000, alias="OXYQ_BRIDGE_INSTANCES", description="numbers that one bridge opens at most"
    )
    bridge_lease_seconds: float = Field(
        default=20,
        ge=2,
        le=60,
        alias="OXYQ_BRIDGE_LEASE_SECONDS",
        description="how long a dead bridge keeps its numbers from the others",
    )
    bridge_whatsapp_url: str | None = Field(
        default=None,
        alias="OXYQ_BRIDGE_WHATSAPP_URL",
        description="a WhatsApp of your own on this machine, for tests (`ws://127.0.0.1:…`)",
    )
    bridge_whatsapp_root: str | None = Field(
        default=None, alias="OXYQ_BRIDGE_WHATSAPP_ROOT", description="and the key it is trusted by (hex)"
    )
    api_url: Annotated[str, AfterValidator(_checked_http_url)] | None = Field(
        default=None, alias="OXYQ_API_URL", description="how the bridge reaches the API; unset, by host and port"
    )
    metrics_token: Annotated[SecretStr, AfterValidator(_checked_secret)] | None = Field(
        default=None,
        alias="OXYQ_METRICS_TOKEN",
        description="who reads `/metrics` shows it (`Authorization: Bearer`), 32 bytes or more; unset, only this "
        "machine may read them, and in production nobody",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        alias="OXYQ_METRICS_PORT",
        description="port on which a worker process tells its metrics, 0 for none; the API and the bridge tell theirs "
        "on their own",
    )
    metrics_host: str = Field(default="127.0.0.1", alias="OXYQ_METRICS_HOST", description="and the address for it")
    metrics_organizations: int = Field(
        default=0,
        ge=0,
        le=100,
        alias="OXYQ_METRICS_ORGANIZATIONS",
        description="how many organizations, the busiest, have metrics of their own, by their id; needs the token",
    )
    openai_url: Annotated[str, AfterValidator(_checked_http_url)] = Field(
        default="https://api.openai.com/v1",
        alias="OXYQ_OPENAI_URL",
        description="OpenAI, or what speaks like it (Ollama, vLLM)",
    )
    openai_key: SecretStr | None = Field(default=None, alias="OXYQ_OPENAI_KEY", description="key for it")
    anthropic_url: Annotated[str, AfterValidator(_checked_http_url)] = Field(
        default="https://api.anthropic.com", alias="OXYQ_ANTHROPIC_URL", description="Anthropic"
    )
    anthropic_key: SecretStr | None = Field(default=None, alias="OXYQ_ANTHROPIC_KEY", description="key for it")
    demo_baileys: Annotated[bool, BeforeValidator(_lower)] = Field(
        default=False,
        alias="OXYQ_DEMO_BAILEYS",
        description="`1`: `make run` sends through the bridge, to a WhatsApp of our own on this machine",
    )
    stop_grace_seconds: float = Field(
        default=25,
        ge=0,
        le=3600,
        alias="OXYQ_STOP_GRACE_SECONDS",
        description="how long running jobs may take after SIGTERM before they are handed back",
    )
    lock_seconds: float = Field(
        default=30,
        ge=0.1,
        le=3600,
        alias="OXYQ_LOCK_SECONDS",
        description="how long a job stays with a worker that shows no sign of life",
    )
    stalled_interval_seconds: float = Field(
        default=10,
        ge=0.1,
        le=3600,
        alias="OXYQ_STALLED_INTERVAL_SECONDS",
        description="how often jobs of dead workers are looked for",
    )
    max_stalled: int = Field(
        default=3,
        ge=0,
        le=100,
        alias="OXYQ_MAX_STALLED",
        description="how often a job may lose its worker before it goes to the dead letters",
    )
    canary_seconds: float = Field(
        default=15,
        ge=0,
        le=3600,
        alias="OXYQ_CANARY_SECONDS",
        description="how often a tiny job shows that work gets through a queue (`/ready`); 0: never, as beside workers "
        "in Node, which do not know it",
    )
    stuck_seconds: float = Field(
        default=60,
        ge=1,
        le=3600,
        alias="OXYQ_STUCK_SECONDS",
        description="a worker process that makes no progress for so long ends with an error, to be started anew",
    )
    sweep_seconds: float = Field(
        default=180,
        ge=0.1,
        le=86400,
        alias="OXYQ_SWEEP_SECONDS",
        description="how often jobs that others failed are moved to the dead letters",
    )
    alert_webhook: Annotated[SecretStr, AfterValidator(_checked_webhook)] | None = Field(
        default=None,
        alias="OXYQ_ALERT_WEBHOOK",
        description="where the operator is told that something is wrong (POST, JSON); unset, nowhere",
    )
    alert_secret: Annotated[SecretStr, AfterValidator(_checked_secret)] | None = Field(
        default=None,
        alias="OXYQ_ALERT_SECRET",
        description="key that signs what is posted there (HMAC-SHA256), 32 bytes or more",
    )
    alert_owners: Annotated[bool, BeforeValidator(_lower)] = Field(
        default=False,
        alias="OXYQ_ALERT_OWNERS",
        description="`true` tells each organization's first owner by WhatsApp what is wrong with what is theirs",
    )
    alert_queue_seconds: float = Field(
        default=300,
        ge=1,
        le=86400,
        alias="OXYQ_ALERT_QUEUE_SECONDS",
        description="how long the next job of a queue may wait before that is told",
    )
    alert_dead_letters: int = Field(
        default=10,
        ge=1,
        le=500,
        alias="OXYQ_ALERT_DEAD_LETTERS",
        description="how many jobs may be given up within 10 minutes before that is told",
    )
    alert_disconnected_seconds: float = Field(
        default=300,
        ge=1,
        le=86400,
        alias="OXYQ_ALERT_DISCONNECTED_SECONDS",
        description="how long a number may be disconnected before that is told",
    )
    alert_campaign_seconds: float = Field(
        default=1800,
        ge=1,
        le=604800,
        alias="OXYQ_ALERT_CAMPAIGN_SECONDS",
        description="how long a campaign may stand still in its hours before that is told",
    )
    alert_memory_percent: int = Field(
        default=65,
        ge=1,
        le=100,
        alias="OXYQ_ALERT_MEMORY_PERCENT",
        description="how much of Redis's `maxmemory` may be used before that is told",
    )
    alert_remind_seconds: float = Field(
        default=14400,
        ge=0,
        le=604800,
        alias="OXYQ_ALERT_REMIND_SECONDS",
        description="how often it is told again while nothing changes; 0: never",
    )
    policies: Mapping[str, QueuePolicy] = Field(default_factory=policies)
    #: No variable: whoever starts a process says so each time (--i-accept-loss).
    accept_loss: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` hands over, so that all problems are found and told together."""
        return (init_settings,)

    @property
    def shards(self) -> tuple[str, ...]:
        """The names of all shards, home first."""
        return (HOME, *(self.redis_shards or {}))

    def of_shard(self, name: str) -> "Settings":
        """The settings of one shard, which knows of no other; ConfigurationError when there is none of this name."""
        if name not in self.shards:
            raise ConfigurationError(f"there is no shard {name}; known are {', '.join(self.shards)}")
        url = self.redis_url if name == HOME else (self.redis_shards or {})[name]
        return self.model_copy(update={"redis_url": url, "redis_shards": None})

    @property
    def is_production(self) -> bool:
        """Whether missing settings are refused instead of made up."""
        return self.env == "production"

    @property
    def default_gateway(self) -> Literal["simulator", "none"]:
        """Who sends for numbers that have no row in the table of instances."""
        if self.gateway == "auto":
            return "none" if self.is_production else "simulator"
        return self.gateway

    @property
    def simulator_log_path(self) -> Path:
        """Where the simulator keeps what it received."""
        return self.simulator_log or self.data_dir / "simulator.jsonl"


_FIELDS: Final = {
    field.alias: field for field in Settings.model_fields.values() if field.alias and field.alias != "policies"
}
_KNOWN: Final = {name.removeprefix("OXYQ_"): name for name in (*_FIELDS, *OVERRIDE_NAMES)}


# --- reading them ------------------------------------------------------------------------------------------


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process; ConfigurationError lists everything that is wrong, one line each."""
    environ = os.environ if environ is None else environ
    given = {name: text for name, text in environ.items() if name == "REDIS_URL" or name.startswith("OXYQ_")}
    if "OXYQ_PORT" not in given and "PORT" in environ:
        given["PORT"] = environ["PORT"]  # Render and others say so which port they forward to

    problems = {name: problem for name, text in given.items() if (problem := _writing_problem(name, text))}
    sound = {name: text for name, text in given.items() if name not in problems}
    table = _read_policies(sound, problems)
    settings = _read_fields(sound, table, problems)
    _require_in_production(given, problems)
    _require_companions(settings, problems)
    if problems or settings is None:
        raise ConfigurationError(
            *(f"{ascii(name[:100])[1:-1]}: {problem}" for name, problem in sorted(problems.items()))
        )
    return settings


def _writing_problem(name: str, text: str) -> str | None:
    if name != "PORT" and name not in _KNOWN.values():
        # Compared without OXYQ_, which would make everything look alike.
        near = difflib.get_close_matches(name.removeprefix("OXYQ_"), _KNOWN, n=1)
        hint = f"did you mean {_KNOWN[near[0]]}?" if near else "remove it"
        return f"there is no such setting; {hint}"
    if not text.strip():
        return "is empty; give it a value or remove it"
    if text != text.encode("utf-8", "replace").decode():
        return "is not UTF-8; write it again"
    if text != text.strip():
        return "has spaces or a line break around it; remove them"
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return "has quotes around it; remove them"
    return None


def _read_policies(given: Mapping[str, str], problems: dict[str, str]) -> dict[str, QueuePolicy]:
    overrides = {name: text for name, text in given.items() if name in OVERRIDE_NAMES}
    try:
        return policies(overrides)
    except ConfigurationError as error:
        for line in error.problems:
            name, _, problem = line.partition(": ")
            problems[name] = problem
        return policies()


def _read_fields(given: Mapping[str, str], table: dict[str, QueuePolicy], problems: dict[str, str]) -> Settings | None:
    values: dict[str, object] = {name: text for name, text in given.items() if name in _FIELDS}
    if "PORT" in given:
        values["OXYQ_PORT"] = given["PORT"]
    try:
        return Settings.model_validate(values | {"policies": table})
    except pydantic.ValidationError as error:
        for item in error.errors(include_url=False):
            name = str(item["loc"][0])
            source = "PORT" if name == "OXYQ_PORT" and "PORT" in given else name
            problems[source] = _problem(name, dict(item))
        return None


def _require_in_production(given: Mapping[str, str], problems: dict[str, str]) -> None:
    if given.get("OXYQ_ENV", "").lower() != "production":
        return
    for name, example in _NEEDED_IN_PRODUCTION.items():
        if name not in given:
            problems[name] = f"is missing, and production needs it; {example}"


def _require_companions(settings: Settings | None, problems: dict[str, str]) -> None:
    """What is right by itself and wrong beside another setting."""
    if settings is None:
        return
    prefix, shards = settings.redis_prefix, settings.redis_shards or {}
    if shards and settings.redis_url is None:
        problems["REDIS_URL"] = f"is missing; OXYQ_REDIS_SHARDS adds to the server there, which is the shard {HOME}"
    if settings.redis_url in shards.values():
        problems["OXYQ_REDIS_SHARDS"] = f"names the server of REDIS_URL, which is the shard {HOME} already; remove it"
    addresses = {"REDIS_URL": settings.redis_url, **shards}
    clusters = [name for name, url in addresses.items() if url and read_redis_url(url).kind == "cluster"]
    if clusters and hash_tag(prefix) is None:
        problems["OXYQ_REDIS_PREFIX"] = (
            f"would spread our keys over the cluster of {clusters[0]}, where no script could reach all of them; "
            f"write {{{prefix.strip('{}') or 'oxyq'}}}"
        )
    if settings.alert_webhook and not settings.alert_secret:
        problem = "is missing, and signs what OXYQ_ALERT_WEBHOOK gets; openssl rand -hex 32"
        problems["OXYQ_ALERT_SECRET"] = problem
    if settings.metrics_token is None:
        for name, needs_it in (
            ("OXYQ_METRICS_PORT", settings.metrics_port and settings.is_production),
            ("OXYQ_METRICS_HOST", settings.metrics_port and settings.metrics_host not in _ONLY_HERE),
            ("OXYQ_METRICS_ORGANIZATIONS", settings.metrics_organizations),
        ):
            if needs_it:
                problems["OXYQ_METRICS_TOKEN"] = f"is missing, and {name} needs it; make one with: openssl rand -hex 32"
    if settings.redis_client_key and not settings.redis_client_cert:
        problems["OXYQ_REDIS_CLIENT_CERT"] = "is missing; give the certificate of OXYQ_REDIS_CLIENT_KEY"


def _problem(name: str, item: dict[str, Any]) -> str:
    shown = "" if name in _SECRET_NAMES else f", not {item['input'][:_SHOWN_CHARACTERS]!r}"
    match item["type"]:
        case "value_error":
            return str(item["ctx"]["error"])
        case "literal_error":
            near = difflib.get_close_matches(item["input"], _choices(name), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            return f"must be {' or '.join(_choices(name))}{shown}{hint}"
        case "bool_parsing":
            return f"must be true or false{shown}"
        case _:
            return f"must be {_numbers(name)}{shown}"


def _choices(name: str) -> tuple[str, ...]:
    return get_args(_FIELDS[name].annotation)


def _numbers(name: str) -> str:
    bounds = {type(bound).__name__: bound for bound in _FIELDS[name].metadata}
    kind = "a whole number" if _FIELDS[name].annotation in (int, int | None) else "a number"
    return f"{kind} from {bounds['Ge'].ge} to {bounds['Le'].le}"


# --- telling about them ------------------------------------------------------------------------------------


def settings_table() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of everything that can be set; the README's table is made from it.

    The queues' rows stand for three variables each, with `<QUEUE>` for MESSAGE, AUTOMATION and CAMPAIGN.
    """
    return [(name, _default(field.default), field.description or "") for name, field in _FIELDS.items()] + [
        (f"OXYQ_<QUEUE>_{row.suffix}", _queue_defaults(row.suffix, row.field), row.meaning) for row in OVERRIDES
    ]


def settings_markdown() -> str:
    """The settings as the Markdown table that stands in the README."""
    rows = [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in settings_table()]
    return "\n".join(("| variable | default | meaning |", "|---|---|---|", *rows))


def _default(value: object) -> str:
    if value is None:
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _queue_defaults(suffix: str, field: str) -> str:
    values = {
        queue: f"{policy.rate_max}/{policy.rate_seconds:g}" if suffix == "RATE" else f"{getattr(policy, field):g}"
        for queue, policy in POLICIES.items()
    }
    if len(set(values.values())) == 1:
        return f"`{next(iter(values.values()))}`"
    return ", ".join(f"{queue} `{value}`" for queue, value in values.items())
