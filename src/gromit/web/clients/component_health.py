"""Client of the programs of components: asks for their health at public addresses.

A program under test may answer anything, slowly or without an end. So all questions have one
deadline, an answer is read up to a limit, and no redirect is followed.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import httpx2

from gromit.core.environments.health_book import HealthFinding, HealthTarget
from gromit.core.stack.health import HealthAnswer, judge_health, worst_health

TIMEOUT_S = 5.0
"""Longest time of one answer."""
BODY_MAX = 64 * 1024
"""Bytes of an answer that are read."""
PARALLEL = 100
"""Requests at the same time."""
ADDRESSES_MAX = 4
"""Addresses of a component that are asked."""
REFUSED = "nothing listens there"
_HEADERS = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "gromit"}


@dataclass(frozen=True, slots=True)
class HttpPrograms:
    """The port `ComponentPrograms`."""

    timeout_s: float = TIMEOUT_S

    def ask(self, targets: Collection[HealthTarget]) -> Mapping[HealthTarget, HealthFinding]:
        """Ask all targets at the same time."""
        return asyncio.run(self._ask(targets))

    async def _ask(self, targets: Collection[HealthTarget]) -> Mapping[HealthTarget, HealthFinding]:
        slots = asyncio.Semaphore(PARALLEL)
        limits = httpx2.Limits(max_connections=PARALLEL, max_keepalive_connections=0)
        async with httpx2.AsyncClient(
            headers=_HEADERS,
            timeout=self.timeout_s,
            limits=limits,
            trust_env=False,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # unused; reading all CAs takes 0.1 s
        ) as client:

            async def get(target: HealthTarget, address: str, path: str) -> HealthAnswer:
                async with slots:
                    return await self._get(client, target, address, path)

            found = await asyncio.gather(*(_find(get, target) for target in targets))
        return dict(zip(targets, found, strict=True))

    async def _get(
        self, client: httpx2.AsyncClient, target: HealthTarget, address: str, path: str
    ) -> HealthAnswer:
        url = f"http://{address}:{target.port}{path}"
        headers = {"Host": f"{target.host}:{target.port}"}
        try:
            async with (
                asyncio.timeout(self.timeout_s),
                client.stream("GET", url, headers=headers) as response,
            ):
                return HealthAnswer(response.status_code, await _body(response))
        except (TimeoutError, httpx2.TimeoutException):
            return HealthAnswer(None, fault=f"none within {self.timeout_s:g} s")
        except httpx2.ConnectError as error:
            return HealthAnswer(None, fault=REFUSED if _is_refused(error) else "no way there")
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return HealthAnswer(None, fault="it is not HTTP")


async def _find(
    get: Callable[[HealthTarget, str, str], Awaitable[HealthAnswer]], target: HealthTarget
) -> HealthFinding:
    """Ask all addresses of a target for all paths. The worst address counts."""
    asked = [(a, p) for a in target.addresses[:ADDRESSES_MAX] for p in target.check.paths]
    answers = await asyncio.gather(*(get(target, address, path) for address, path in asked))
    found: dict[str, dict[str, HealthAnswer]] = {}
    for (address, path), answer in zip(asked, answers, strict=True):
        found.setdefault(address, {})[path] = answer
    status = worst_health(judge_health(target.check, by_path) for by_path in found.values())
    is_reached = any(a.status is not None or a.fault == REFUSED for a in answers)
    return HealthFinding(status, is_reached)


def _is_refused(error: BaseException | None) -> bool:
    """Whether the address refused the connection: it was reached, and nothing listens there."""
    while error is not None and not isinstance(error, ConnectionRefusedError):
        error = error.__cause__ or error.__context__
    return error is not None


async def _body(response: httpx2.Response) -> bytes:
    """Return the body of an answer, up to the limit."""
    found = b""
    async for part in response.aiter_raw():
        found += part
        if len(found) >= BODY_MAX:
            break
    return found[:BODY_MAX]
