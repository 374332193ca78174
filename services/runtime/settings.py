"""Settings from the environment, prefix FRONTDOOR_. `frontdoor settings` prints this table."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import ConfigurationError

PREFIX: Final = "FRONTDOOR_"
# Variables that others read: secrets by name, and what only tests look at.
_OTHER_PREFIXES: Final = ("FRONTDOOR_SECRET_", "FRONTDOOR_TEST_", "FRONTDOOR_KAFKA_CACHE", "FRONTDOOR_SCREENSHOTS")


class Settings(BaseSettings):
    """How this installation runs. Tenants are not settings: they are documents."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    public_url: str = Field(
        default_factory=lambda data: f"http://127.0.0.1:{data['port']}",
        description="how carriers reach us, as they sign it; no path",
        json_schema_extra={"shown": "http://127.0.0.1:PORT"},
    )
    bus: Literal["embedded", "kafka"] = Field(default="embedded", description="embedded: one process, SQLite")
    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="host:port of brokers, separated by commas")
    kafka_prefix: str = Field(default="", pattern=r"^[a-zA-Z0-9._-]{0,80}$", description="in front of topic names")
    partitions: int = Field(default=4, ge=1, le=1024, description="of the topics that are kept by cell; never changed")
    routing_ordinal: int = Field(default=0, ge=0, description="which of the routers this one is, from 0")
    routing_count: int = Field(default=1, ge=1, validate_default=True, description="how many routers there are")
    data_dir: Path = Field(default=Path("data"), description="keys, secrets, the embedded bus and the local database")
    database_url: str = Field(
        default_factory=lambda data: f"sqlite+aiosqlite:///{data['data_dir']}/records.db",
        repr=False,  # it may hold a password
        description="sqlite+aiosqlite:///FILE or postgresql+asyncpg://…",
        json_schema_extra={"shown": "sqlite+aiosqlite:///DATA_DIR/records.db"},
    )
    twilio_api_base: str = Field(default="https://api.twilio.com", description="where call control reaches Twilio")
    demo: bool = Field(default=False, description="simulated carrier, callers and agents; demo sign-in pages")
    demo_callers: bool = Field(default=True, description="simulated callers in the demo")
    demo_agents: bool = Field(default=True, description="simulated agents in the demo")
    demo_carrier_port: int = Field(default=0, ge=0, le=65535, description="of the simulated carrier; 0: PORT + 1")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least that is logged")
    oidc_issuer: str | None = Field(default=None, description="issuer of staff tokens; unset: the development key")

    @field_validator("routing_count")
    @classmethod
    def _ordinal_below(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("routing_ordinal", 0) >= value:
            raise ValueError("is greater than every router's ordinal; they count from 0")
        return value

    @field_validator("public_url", "twilio_api_base", "oidc_issuer")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("begins with http:// or https://")
        return value.rstrip("/") if value else value

    @field_validator("database_url")
    @classmethod
    def _async_driver(cls, value: str) -> str:
        if not value.startswith(("sqlite+aiosqlite://", "postgresql+asyncpg://")):
            raise ValueError("begins with sqlite+aiosqlite:// or postgresql+asyncpg://")
        return value

    @property
    def carrier_port(self) -> int:
        """Port of the simulated carrier."""
        return self.demo_carrier_port or self.port + 1


class SettingRow(NamedTuple):
    """One line of `frontdoor settings`."""

    variable: str
    type: str
    default: str
    meaning: str


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read settings; `overrides` (from the command line) come before the environment, None is no override.

    Raises:
        ConfigurationError: an unknown FRONTDOOR_ variable, or a value that does not fit; one line and a remedy.
    """
    _refuse_unknown(os.environ if environ is None else environ)
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        variable = PREFIX + str(detail["loc"][0]).upper()
        problem = detail["msg"].removeprefix("Value error, ")
        raise ConfigurationError(
            f"{variable} does not fit: {problem[0].lower()}{problem[1:]}",
            remedy="`frontdoor settings` lists type, default and meaning of each.",
        ) from None


def setting_rows() -> Iterator[SettingRow]:
    """Yield every setting, in the order of the class."""
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = extra.get("shown", field.default)
        yield SettingRow(PREFIX + name.upper(), _type_name(field.annotation), _shown(default), field.description or "")


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and not variable.startswith(_OTHER_PREFIXES) and variable not in known:
            near = difflib.get_close_matches(variable, known, n=1, cutoff=0.6)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise ConfigurationError(
                f"{variable} is no setting", remedy=f"{hint}`frontdoor settings` lists all; unset this one."
            )


def _type_name(annotation: Any) -> str:
    if isinstance(annotation, type):
        name = annotation.__name__
        return {"str": "text", "int": "number", "bool": "true|false", "Path": "folder"}.get(name, name)
    choices = getattr(annotation, "__args__", ())
    if all(isinstance(choice, str) for choice in choices):
        return "|".join(choices)
    return "text"


def _shown(value: object) -> str:
    if value is None or value == "":
        return "(none)"
    return str(value).lower() if isinstance(value, bool) else str(value)
