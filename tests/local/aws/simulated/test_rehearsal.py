"""The table of `what real programs did`, row by row, with the shipped catalogue's files."""

from typing import Any

import pytest

from tests.local.aws.simulated.world import TykWorld
from tests.local.conftest import eventually

GATEWAY, NODE, ADMIN, BROKER = "gateway-secret", "node-secret", "admin-secret", "broker-secret"


def key(secret: str) -> dict[str, str]:
    return {"x-tyk-authorization": secret}


def start_stores(tyk: TykWorld) -> None:
    tyk.mongo(up=True)
    tyk.start("redis")


def start_dashboard(tyk: TykWorld, **secrets: str) -> None:
    tyk.start(
        "tyk-analytics", **{"TYK_DB_LICENSEKEY": "bought", "TYK_DB_NODESECRET": NODE, **secrets}
    )


def start_gateway(tyk: TykWorld, **secrets: str) -> None:
    tyk.start("tyk", **{"TYK_GW_SECRET": GATEWAY, "TYK_GW_NODESECRET": NODE, **secrets})


def health(tyk: TykWorld, component: str = "tyk") -> tuple[int, str]:
    status, body = tyk.ask(component, "/hello")
    return status, (body or {}).get("status", "")


def readiness(tyk: TykWorld) -> int:
    return tyk.ask("tyk", "/ready")[0]


def test_a_gateway_without_a_node_secret_exits_at_once(tyk: TykWorld) -> None:
    tyk.start("tyk")
    eventually(lambda: tyk.last_words("tyk"))
    assert tyk.last_words("tyk") == "Node secret is not set, required for dashboard connection"
    assert tyk.exit_codes("tyk") == {1}


def test_an_empty_node_secret_is_a_missing_one(tyk: TykWorld) -> None:
    start_gateway(tyk, TYK_GW_NODESECRET="")
    eventually(lambda: "Node secret is not set" in tyk.last_words("tyk"))


@pytest.mark.parametrize("secrets", [{}, {"TYK_GW_SECRET": ""}])
def test_a_gateway_without_a_secret_obeys_anybody(tyk: TykWorld, secrets: dict[str, str]) -> None:
    tyk.start("tyk", TYK_GW_NODESECRET=NODE, **secrets)
    eventually(lambda: tyk.ask("tyk", "/tyk/apis")[0] == 200)
    status, made = tyk.ask("tyk", "/tyk/keys/create", method="POST", json={})
    assert (status, made["status"]) == (200, "ok")
    assert tyk.ask("tyk", "/tyk/apis", headers=key("any"))[0] == 403


def test_a_gateway_with_both_secrets_waits_for_a_dashboard(tyk: TykWorld) -> None:
    start_stores(tyk)
    start_gateway(tyk)
    eventually(lambda: health(tyk) == (200, "warn"))
    assert readiness(tyk) == 503
    start_dashboard(tyk)
    eventually(lambda: health(tyk) == (200, "pass"))
    assert readiness(tyk) == 200
    assert tyk.ask("tyk", "/tyk/apis")[0] == 403
    assert tyk.ask("tyk", "/tyk/apis", headers=key(GATEWAY)) == (200, [])
    tyk.scale("tyk-analytics", 0)
    eventually(lambda: health(tyk) == (200, "warn"))
    assert readiness(tyk) == 503
    tyk.scale("tyk-analytics", 1)
    eventually(lambda: health(tyk) == (200, "pass"))


def test_a_gateway_with_another_node_secret_is_not_registered(tyk: TykWorld) -> None:
    start_stores(tyk)
    start_dashboard(tyk, TYK_DB_NODESECRET="another")
    start_gateway(tyk)
    said = eventually(lambda: _dashboard_problem(tyk, "403"))
    assert "/register/node" in said
    assert health(tyk) == (200, "warn")
    assert NODE not in said
    assert "another" not in said


def _dashboard_problem(tyk: TykWorld, part: str) -> str:
    _, body = tyk.ask("tyk", "/hello")
    said: str = ((body or {}).get("details", {}).get("dashboard", {})).get("output", "")
    return said if part in said else ""


def test_unequal_secrets_are_in_the_logs_and_their_values_are_not(tyk: TykWorld) -> None:
    start_stores(tyk)
    start_gateway(tyk)
    start_dashboard(tyk, TYK_DB_TYKAPI_SECRET="unequal-1", TYK_DB_ADMINSECRET=ADMIN)
    tyk.start(
        "tyk-identity-broker",
        TYK_IB_SECRET=BROKER,
        TYK_IB_TYKAPISETTINGS_GATEWAYCONFIG_ADMINSECRET=GATEWAY,
        TYK_IB_TYKAPISETTINGS_DASHBOARDCONFIG_ADMINSECRET="unequal-2",
    )
    refusal = "tyk.app-test.internal refuses the secret (403)"
    eventually(lambda: f"tyk_api_config.Host: {refusal}" in tyk.log("tyk-analytics"))
    said = eventually(lambda: [s for s in tyk.log("tyk-identity-broker") if "refuses" in s])
    assert [line.partition(":")[0] for line in said] == ["TykAPISettings.DashboardConfig.Endpoint"]
    logs = [tyk.log(name) for name in ("tyk", "tyk-analytics", "tyk-identity-broker")]
    shown = "\n".join(line for log in logs for line in log)
    for secret in (GATEWAY, NODE, ADMIN, BROKER, "unequal-1", "unequal-2"):
        assert secret not in shown


def test_every_host_name_that_does_not_resolve_is_in_the_log(tyk: TykWorld) -> None:
    start_gateway(tyk)
    eventually(lambda: len([s for s in tyk.log("tyk") if "no such host" in s]) > 2)
    said = tyk.log("tyk")
    assert "storage.host: lookup redis.app-test.internal: no such host" in said
    for key in ("db_app_conf_options.connection_string", "policies.policy_connection_string"):
        assert f"{key}: lookup tyk-analytics.app-test.internal: no such host" in said


def test_redis_goes_away_from_a_gateway_and_comes_back(tyk: TykWorld) -> None:
    start_stores(tyk)
    start_dashboard(tyk)
    start_gateway(tyk)
    eventually(lambda: health(tyk) == (200, "pass"))
    tyk.scale("redis", 0)
    eventually(lambda: health(tyk)[1] != "pass")
    assert health(tyk)[0] == 200
    assert readiness(tyk) == 503
    tyk.scale("redis", 1)
    eventually(lambda: health(tyk) == (200, "pass") and readiness(tyk) == 200)


def test_a_gateway_without_a_dashboard_serves_keyless_samples_of_the_image(tyk: TykWorld) -> None:
    tyk.render("tyk-analytics")
    tyk.change("tyk", app_path="/opt/tyk-gateway/apps")
    tyk.start("redis")
    tyk.start("tyk", TYK_GW_SECRET=GATEWAY)
    eventually(lambda: health(tyk) == (200, "pass"))
    apis = tyk.ask("tyk", "/tyk/apis", headers=key(GATEWAY))[1]
    assert [api["use_keyless"] for api in apis] == [True] * 5
    tyk.scale("redis", 0)
    eventually(lambda: health(tyk) == (200, "warn"))
    assert tyk.ask("tyk", apis[0]["proxy"]["listen_path"])[0] == 200


def test_a_gateway_without_a_dashboard_loads_apis_of_its_own_folder(tyk: TykWorld) -> None:
    tyk.render("tyk-analytics")
    tyk.change("tyk", app_path="/conf/apps")
    tyk.start("redis")
    tyk.start("tyk", TYK_GW_SECRET=GATEWAY)
    eventually(lambda: health(tyk) == (200, "pass"))
    assert tyk.ask("tyk", "/tyk/apis", headers=key(GATEWAY)) == (200, [])


def test_a_pump_whose_mongo_does_not_resolve_exits_each_time(tyk: TykWorld) -> None:
    tyk.start("redis")
    tyk.start("tyk-pump")
    eventually(lambda: len(_stopped(tyk, "tyk-pump")) > 1)
    assert tyk.exit_codes("tyk-pump") == {1}
    assert "cannot connect to Mongo" in tyk.last_words("tyk-pump")
    assert "no such host" in tyk.last_words("tyk-pump")
    tyk.mongo(up=True)
    eventually(lambda: tyk.ask("tyk-pump", "/hello", port=8083)[0] == 200)


def _stopped(tyk: TykWorld, component: str) -> list[Any]:
    found = tyk.ecs.list_tasks(cluster="app-test", serviceName=component, desiredStatus="STOPPED")
    return list(found["taskArns"])


def test_a_broker_without_its_secret_takes_profiles_from_anybody(tyk: TykWorld) -> None:
    tyk.start("redis")
    tyk.start("tyk-identity-broker")
    eventually(lambda: tyk.ask("tyk-identity-broker", "/api/profiles")[0] == 200)
    made = tyk.ask("tyk-identity-broker", "/api/profiles/1", method="POST", json={"ID": "1"})
    assert made[0] == 201
    assert tyk.ask("tyk-identity-broker", "/api/profiles")[1]["Data"] == [{"ID": "1"}]


def test_a_broker_with_its_secret_takes_nothing_without_it(tyk: TykWorld) -> None:
    tyk.start("redis")
    tyk.start("tyk-identity-broker", TYK_IB_SECRET=BROKER, TYK_IB_SESSION_SECRET="session")
    eventually(lambda: tyk.ask("tyk-identity-broker", "/api/profiles")[0] == 401)
    own = {"authorization": BROKER}
    assert tyk.ask("tyk-identity-broker", "/api/profiles", headers=own)[0] == 200


def test_a_dashboard_without_a_licence_does_not_start(tyk: TykWorld) -> None:
    start_stores(tyk)
    start_dashboard(tyk, TYK_DB_LICENSEKEY="")
    eventually(lambda: "there is no licence" in tyk.last_words("tyk-analytics"))
    start_dashboard(tyk, TYK_DB_ADMINSECRET=ADMIN)
    eventually(lambda: health(tyk, "tyk-analytics") == (200, "pass"))
    assert tyk.ask("tyk-analytics", "/admin/organisations")[0] == 403
    right = {"admin-auth": ADMIN}
    assert tyk.ask("tyk-analytics", "/admin/organisations", headers=right)[0] == 200


def test_mongo_goes_away_from_a_dashboard_and_comes_back(tyk: TykWorld) -> None:
    tyk.start("redis")
    start_dashboard(tyk)
    eventually(lambda: "cannot connect to Mongo" in tyk.last_words("tyk-analytics"))
    tyk.mongo(up=True)
    eventually(lambda: health(tyk, "tyk-analytics") == (200, "pass"))
    tyk.mongo(up=False)
    eventually(lambda: health(tyk, "tyk-analytics") == (503, "fail"))
    tyk.mongo(up=True)
    eventually(lambda: health(tyk, "tyk-analytics") == (200, "pass"))


def test_mdcb_needs_its_licence_and_both_stores(tyk: TykWorld) -> None:
    start_stores(tyk)
    tyk.start("tyk-sink", TYK_MDCB_LICENSE="")
    eventually(lambda: "there is no licence" in tyk.last_words("tyk-sink"))
    tyk.start("tyk-sink", TYK_MDCB_LICENSE="bought")
    eventually(lambda: tyk.ask("tyk-sink", "/health", port=8181)[0] == 200)


def test_redis_answers_its_own_protocol_and_http(tyk: TykWorld) -> None:
    tyk.start("redis")
    said = eventually(lambda: tyk.ask("redis", "/")[1])
    assert (said["component"], said["environment"]) == ("redis", "app-test")
