"""Body of the exchange of an ID token."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictStr


class TokenRequest(BaseModel):
    """ID token of a person, which the provider gave to the command line."""

    model_config = ConfigDict(extra="forbid")

    id_token: Annotated[StrictStr, Field(min_length=1, description="ID token of the person")]
    nonce: Annotated[
        StrictStr | None,
        Field(min_length=1, max_length=200, description="nonce that the ID token was asked with"),
    ] = None
