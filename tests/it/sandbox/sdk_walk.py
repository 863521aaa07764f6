"""Walks through the sandbox with the official Globus SDK for Python, the way an app and its visitors do.

Needs globus-sdk 4, and these environment variables:

    GLOBUS_SDK_SERVICE_URL_AUTH      base URL of the sandbox; those of Transfer and Groups are set from it if absent
    SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET
    SANDBOX_NATIVE_CLIENT_ID         optional: the native app's own id otherwise

Every step is asserted; the last line printed is "sdk walk: ok".
"""

import base64
import hashlib
import os
import re
import time
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

BASE = os.environ["GLOBUS_SDK_SERVICE_URL_AUTH"].rstrip("/")
CLIENT_ID = os.environ["SANDBOX_CLIENT_ID"]
CLIENT_SECRET = os.environ["SANDBOX_CLIENT_SECRET"]
NATIVE_CLIENT_ID = os.environ.get("SANDBOX_NATIVE_CLIENT_ID", "e1e0a7a4-b49f-4758-a9d2-5fa12f5d5aed")
# The SDK reads them on import or when a client is created, so they must be set before both.
for service in ("TRANSFER", "GROUPS"):
    os.environ.setdefault(f"GLOBUS_SDK_SERVICE_URL_{service}", BASE + "/")

import globus_sdk  # noqa: E402
import jwt  # noqa: E402
import requests  # noqa: E402
from globus_sdk.gare import to_gare  # noqa: E402
from globus_sdk.scopes import AuthScopes, GCSCollectionScopes, GroupsScopes, Scope, TransferScopes  # noqa: E402

REDIRECT_URI = "http://localhost:5000/login"
SCOPES = [AuthScopes.openid, AuthScopes.profile, AuthScopes.email, TransferScopes.all]
OWN_SCOPE = f"https://auth.globus.org/scopes/{CLIENT_ID}/use"
MIRA, JONAS, PRIYA = "mira@northfield.example", "jonas@ridgeline.example", "priya@coastal.example"
OPEN = "7e57ab1e-0000-4000-8000-000000000001"


def trouble(end):
    """The failing collection whose id ends like this."""
    return OPEN[:-2] + end


def control(method, path, document=None):
    """Controls the sandbox."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, f"{BASE}/sandbox/{path}", json=document, timeout=10)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


@contextmanager
def fault(*faults):
    """Faults that are on within a block."""
    control("POST", "faults", list(faults))
    try:
        yield
    finally:
        control("DELETE", "faults")


@contextmanager
def visitor():
    """A new browser without a session."""
    with requests.Session() as browser:
        browser.trust_env = False
        yield browser


def hidden(page, name):
    """The value of a hidden field."""
    return re.search(f'name="{name}" value="([^"]*)"', page)[1]


def sign_in(browser, authorize_url, username, decision="allow", redirect_uri=REDIRECT_URI):
    """Does what a visitor does on the sandbox's pages; returns the parameters that the app receives."""
    page = browser.get(authorize_url, allow_redirects=False)
    if page.status_code == 200:
        request = hidden(page.text, "request")
        choice = {"request": request, "identity": username}
        chosen = browser.post(BASE + "/v2/web/choose", data=choice, allow_redirects=False)
        assert chosen.status_code == 303, chosen.text
        answer = {"request": request, "decision": decision}
        page = browser.post(BASE + "/v2/web/consent", data=answer, allow_redirects=False)
    assert page.status_code in (302, 303), page.text
    location = page.headers["Location"]
    assert location.startswith(redirect_uri + "?"), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def error_of(kind, call, *args, **kwargs):
    """The error that a call must end with."""
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"no error, but a {kind.__name__} was expected")


def api_error(status, call, *args, **kwargs):
    """The error answer that a call must end with."""
    error = error_of(globus_sdk.GlobusAPIError, call, *args, **kwargs)
    assert error.http_status == status, (error.http_status, error.text)
    return error


def one_try(client):
    """The same client without retries."""
    client.retry_config.max_retries = 0
    return client


def transfer_client(token):
    return globus_sdk.TransferClient(authorizer=globus_sdk.AccessTokenAuthorizer(token))


def auth_client(token):
    return globus_sdk.AuthClient(authorizer=globus_sdk.AccessTokenAuthorizer(token))


def tokens_for(client, browser, username, scopes, **query_params):
    """A complete login."""
    client.oauth2_start_flow(REDIRECT_URI, scopes)
    url = client.oauth2_get_authorize_url(query_params=query_params)
    return client.oauth2_exchange_code_for_tokens(sign_in(browser, url, username)["code"])


def log_in(client, browser, username):
    client.oauth2_start_flow(REDIRECT_URI, SCOPES, state="walk state", refresh_tokens=True)
    url = client.oauth2_get_authorize_url(query_params={"nonce": "walk nonce"})
    assert url.startswith(BASE + "/v2/oauth2/authorize?"), url
    answer = sign_in(browser, url, username)
    assert answer["state"] == "walk state"
    tokens = client.oauth2_exchange_code_for_tokens(answer["code"])
    replay = api_error(401, client.oauth2_exchange_code_for_tokens, "nonsense")
    assert replay.raw_json == {"error": "invalid_grant"}
    assert isinstance(replay, globus_sdk.AuthAPIError)
    return tokens


def check_tokens(tokens):
    by_server = tokens.by_resource_server
    assert list(by_server) == ["auth.globus.org", "transfer.api.globus.org"]
    for data in by_server.values():
        assert data["access_token"].startswith("Ag")
        assert data["refresh_token"]
        assert abs(data["expires_at_seconds"] - time.time() - 172800) < 60
    assert by_server["auth.globus.org"]["scope"] == "profile email openid"


def check_id_token(client, tokens):
    claims = tokens.decode_id_token()
    assert claims["iss"] == BASE
    assert claims["aud"] == CLIENT_ID
    assert claims["nonce"] == "walk nonce"
    assert claims["preferred_username"] == JONAS
    half = hashlib.sha512(tokens["access_token"].encode()).digest()[:32]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert len(client.get_openid_configuration()["claims_supported"]) == 10
    return claims


def check_userinfo(tokens, claims):
    info = auth_client(tokens["access_token"]).userinfo()
    for name in ("sub", "name", "email", "preferred_username", "identity_set"):
        assert info[name] == claims[name], name
    error = api_error(401, globus_sdk.AuthClient().userinfo)
    assert error.code == "UNAUTHORIZED" and isinstance(error, globus_sdk.AuthAPIError)


def check_introspection(client, tokens, claims):
    include = "identity_set,identity_set_detail,session_info"
    answer = client.oauth2_token_introspect(tokens["access_token"], include=include)
    assert answer["active"] is True
    assert answer["sub"] == claims["sub"]
    assert answer["identity_set"] == [claims["sub"]]
    assert answer["identity_set_detail"][0]["username"] == JONAS
    assert claims["sub"] in answer["session_info"]["authentications"]


def check_transfer(tokens):
    transfer = transfer_client(tokens.by_resource_server["transfer.api.globus.org"]["access_token"])
    offset, sizes, more = 0, [], True
    while more:
        page = transfer.endpoint_search(filter_scope="my-endpoints", limit=25, offset=offset)
        sizes.append(len(page["DATA"]))
        offset, more = offset + 25, page["has_next_page"]
    assert sizes == [25, 25, 7]
    paginator = transfer.paginated.endpoint_search(filter_scope="my-endpoints")
    paginator.limit = 20
    assert [len(page["DATA"]) for page in paginator] == [20, 20, 17]
    # By default it asks for pages of 100.
    every = list(transfer.paginated.endpoint_search(filter_scope="my-endpoints").items())
    assert len({endpoint["id"] for endpoint in every}) == 57
    one = transfer.get_endpoint(every[0]["id"])
    assert one["display_name"] == every[0]["display_name"]
    missing = api_error(404, transfer.get_endpoint, CLIENT_ID)
    assert missing.code == "EndpointNotFound" and len(missing.request_id) == 9
    return transfer


def check_files(transfer):
    names = [entry["name"] for entry in transfer.operation_ls(OPEN, path="/data/", orderby=["type", "name DESC"])]
    assert names == ["raw", "notes.txt", "frames.h5"], names
    page = transfer.operation_ls(OPEN, path="/many", limit=10, offset=245, show_hidden=False)
    assert (page["length"], page["total"]) == (5, 250)
    filtered = transfer.operation_ls(OPEN, filter={"name": ["~*.txt", "!README.txt"], "type": "file"})
    assert all(entry["name"].endswith(".txt") for entry in filtered) and "README.txt" not in filtered.text
    either = transfer.operation_ls(OPEN, filter=[{"name": "README.txt"}, {"type": "dir"}])
    folders = {"data", "empty folder", "large", "many", "odd names", "restricted", "results"}
    assert {entry["name"] for entry in either} == {"README.txt", *folders}
    assert transfer.operation_stat(OPEN, "/data/notes.txt")["size"] == 2048
    # No earlier walk may have created anything else.
    folder = f"/walk-{time.time_ns()}"
    assert transfer.operation_mkdir(OPEN, folder)["code"] == "DirectoryCreated"
    assert transfer.operation_rename(OPEN, folder, folder + " é")["code"] == "FileRenamed"
    assert api_error(404, transfer.operation_stat, OPEN, folder).code == "NotFound"
    assert api_error(403, transfer.operation_ls, OPEN, "/restricted").code == "EndpointPermissionDenied"
    return folder + " é"


def check_tasks(transfer, folder):
    data = globus_sdk.TransferData(OPEN, OPEN, label="walk", sync_level="checksum")
    data.add_item("/data/", f"{folder}/copy/", recursive=True)
    data["submission_id"] = transfer.get_submission_id()["value"]
    first, again = transfer.submit_transfer(data), transfer.submit_transfer(data)
    assert (first["code"], again["code"]) == ("Accepted", "Duplicate")
    assert first["task_id"] == again["task_id"]
    assert transfer.get_task(first["task_id"])["status"] == "ACTIVE"
    assert transfer.task_wait(first["task_id"], timeout=10, polling_interval=1)
    done = transfer.get_task(first["task_id"])
    assert (done["status"], done["files_transferred"], done["sync_level"]) == ("SUCCEEDED", 4, 3)
    assert len(transfer.operation_ls(OPEN, f"{folder}/copy")["DATA"]) == 3

    deletion = globus_sdk.DeleteData(OPEN, recursive=True)
    deletion.add_item(folder)
    removed = transfer.submit_delete(deletion)
    assert control("POST", "tasks/finish")["finished"] >= 1
    assert transfer.get_task(removed["task_id"])["status"] == "SUCCEEDED"
    api_error(404, transfer.operation_ls, OPEN, folder)

    slow = globus_sdk.TransferData(OPEN, trouble("0c"))
    slow.add_item("/README.txt", "/x")
    slow_id = transfer.submit_transfer(slow)["task_id"]
    assert not transfer.task_wait(slow_id, timeout=1, polling_interval=1)
    assert transfer.cancel_task(slow_id)["code"] == "Canceled"
    assert [event["code"] for event in transfer.task_event_list(slow_id)] == ["CANCELED", "STARTED"]
    succeeded = transfer.task_list(filter={"status": ["SUCCEEDED"]}, orderby="request_time DESC")
    assert removed["task_id"] in [task["task_id"] for task in succeeded]
    assert slow_id in [task["task_id"] for task in transfer.paginated.task_list().items()]
    assert api_error(404, transfer.get_task, CLIENT_ID).code == "TaskNotFound"
    empty = globus_sdk.TransferData(OPEN, OPEN)
    assert api_error(400, transfer.submit_transfer, empty).code == "ClientError.BadRequest.NoTransferItems"
    assert {"endpoint_id", "id", "name", "path"} <= transfer.bookmark_list()["DATA"][0].keys()


def check_paused_tasks(transfer):
    data = globus_sdk.TransferData(OPEN, trouble("0f"))
    data.add_item("/README.txt", "/x")
    paused = transfer.submit_transfer(data)["task_id"]
    task = transfer.get_task(paused)
    assert (task["status"], task["is_paused"], task["nice_status"]) == ("ACTIVE", True, "PAUSED_BY_ADMIN")
    [rule] = transfer.task_pause_info(paused)["pause_rules"]
    assert (rule["DATA_TYPE"], rule["pause_task_transfer_write"]) == ("pause_rule_limited", True)
    assert [known["id"] for known in transfer.my_effective_pause_rule_list(trouble("0f"))] == [rule["id"]]
    assert transfer.cancel_task(paused)["code"] == "Canceled"
    assert transfer.task_pause_info(paused)["pause_rules"] == []


def check_refresh(client, tokens):
    data = tokens.by_resource_server["transfer.api.globus.org"]
    refreshed = client.oauth2_refresh_token(data["refresh_token"])
    renewed = refreshed.by_resource_server["transfer.api.globus.org"]
    assert renewed["access_token"] != data["access_token"]
    assert renewed["refresh_token"] == data["refresh_token"]
    authorizer = globus_sdk.RefreshTokenAuthorizer(data["refresh_token"], client)
    transfer = globus_sdk.TransferClient(authorizer=authorizer)
    assert len(transfer.endpoint_search(filter_scope="my-endpoints")["DATA"]) == 25


def check_revocation(client, tokens, transfer):
    for data in tokens.by_resource_server.values():
        for token in (data["access_token"], data["refresh_token"]):
            assert client.oauth2_revoke_token(token)["active"] is False
    assert client.oauth2_token_introspect(tokens["access_token"])["active"] is False
    dead = api_error(401, transfer.endpoint_search, filter_scope="my-endpoints")
    assert dead.code == "AuthenticationFailed" and dead.message == "Token is not active"
    refused = api_error(400, client.oauth2_refresh_token, tokens["refresh_token"])
    assert refused.raw_json == {"error": "invalid_grant"}


def check_app_in_its_own_name(client):
    tokens = client.oauth2_client_credentials_tokens([AuthScopes.openid, TransferScopes.all])
    assert tokens.decode_id_token()["sub"] == CLIENT_ID
    wrong = globus_sdk.ConfidentialAppAuthClient(CLIENT_ID, "wrong")
    error = api_error(401, wrong.oauth2_client_credentials_tokens, TransferScopes.all)
    assert error.code == "UNAUTHORIZED" and "Basic auth failed" in error.message
    auth = auth_client(client.oauth2_client_credentials_tokens(AuthScopes.view_identities)["access_token"])
    found = auth.get_identities(usernames=[MIRA, "amara@globusid.org"])
    assert sorted(i["name"] for i in found["identities"]) == ["Amara Okafor", "Mira Solano"]
    by_id = auth.get_identities(ids=[i["id"] for i in found])
    assert len(by_id["identities"]) == 2
    new = auth.get_identities(usernames="walker@coastal.example", provision=True)
    assert new["identities"][0]["status"] == "unused"
    providers = auth.get_identity_providers(domains=["globusid.org", "northfield.example"])
    assert [p["short_name"] for p in providers] == ["northfield", "globusid"]
    globus_id = auth.get_identity_providers(ids="41143743-f3c8-4d60-bbdb-eeecaba85bd9")
    assert [p["name"] for p in globus_id] == ["Globus ID"]


def check_native_app():
    client = globus_sdk.NativeAppAuthClient(NATIVE_CLIENT_ID)
    client.oauth2_start_flow([AuthScopes.openid, TransferScopes.all], refresh_tokens=True)
    with visitor() as browser:
        url = client.oauth2_get_authorize_url()
        code = sign_in(browser, url, MIRA, redirect_uri=BASE + "/v2/web/auth-code")["code"]
    tokens = client.oauth2_exchange_code_for_tokens(code)
    assert tokens.decode_id_token()["aud"] == NATIVE_CLIENT_ID
    data = tokens.by_resource_server["transfer.api.globus.org"]
    assert client.oauth2_refresh_token(data["refresh_token"])["access_token"]
    client.oauth2_revoke_token(data["access_token"])
    api_error(401, transfer_client(data["access_token"]).endpoint_search, filter_scope="my-endpoints")


def check_dependent_tokens(client):
    asked = f"{OWN_SCOPE}[{TransferScopes.all}]"
    with visitor() as browser:
        token = tokens_for(client, browser, JONAS, asked)["access_token"]
    dependent = client.oauth2_get_dependent_tokens(token, refresh_tokens=True)
    data = dependent.by_resource_server["transfer.api.globus.org"]
    assert data["refresh_token"]
    assert transfer_client(data["access_token"]).endpoint_search(filter_scope="my-endpoints")["DATA"]
    refused = api_error(403, client.oauth2_get_dependent_tokens, token, scope=[AuthScopes.email])
    assert to_gare(refused).authorization_parameters.required_scopes == ["email"]


def check_groups(client):
    with visitor() as browser:
        tokens = tokens_for(client, browser, PRIYA, GroupsScopes.view_my_groups_and_memberships)
    authorizer = globus_sdk.AccessTokenAuthorizer(tokens["access_token"])
    groups = globus_sdk.GroupsClient(authorizer=authorizer)
    mine = {group["name"]: group for group in groups.get_my_groups()}
    assert set(mine) == {"Cryo-EM users", "Portal users", "Coastal board"}
    assert [m["role"] for m in mine["Portal users"]["my_memberships"]] == ["admin", "member"]
    assert list(groups.get_my_groups(statuses=["invited", "pending"])) == []
    one = groups.get_group(mine["Portal users"]["id"], include=["memberships", "policies"])
    assert len(one["memberships"]) == 6 and one["policies"]["group_visibility"] == "authenticated"
    dead = globus_sdk.GroupsClient(authorizer=globus_sdk.AccessTokenAuthorizer("Agdead"))
    assert api_error(401, dead.get_my_groups).code == "INVALID_TOKEN"


def check_consents(client):
    """A missing consent is reported, requested, remembered, and rescinded."""
    mapped = trouble("02")
    needed = TransferScopes.all.with_dependency(GCSCollectionScopes(mapped).data_access.with_optional(True))
    with visitor() as browser:
        tokens = tokens_for(client, browser, MIRA, [AuthScopes.openid, TransferScopes.all])
        transfer = transfer_client(tokens.by_resource_server["transfer.api.globus.org"]["access_token"])
        error = api_error(403, transfer.operation_ls, mapped)
        assert isinstance(error, globus_sdk.TransferAPIError) and error.code == "ConsentRequired"
        assert error.info.consent_required.required_scopes == [str(needed)]
        assert to_gare(error).authorization_parameters.required_scopes == [str(needed)]
        old = api_error(403, transfer.operation_ls, trouble("03"))
        assert old.info.consent_required and not old.info.authorization_parameters
        assert trouble("03") in to_gare(old).authorization_parameters.required_scopes[0]

        tokens = tokens_for(client, browser, MIRA, [AuthScopes.openid, needed])
        data = tokens.by_resource_server
        transfer = transfer_client(data["transfer.api.globus.org"]["access_token"])
        assert transfer.operation_ls(mapped)["absolute_path"] == "/home/researcher/"
        mira = tokens.decode_id_token()["sub"]
        auth = auth_client(data["auth.globus.org"]["access_token"])
        forest = auth.get_consents(mira).to_forest()
        assert forest.meets_scope_requirements(needed)
        other = Scope.parse(str(needed).replace(mapped, trouble("03")))
        assert not forest.meets_scope_requirements(other)

        page = browser.get(BASE + "/v2/web/consents").text
        for consent in re.findall('name="consent" value="([^"]*)"', page):
            browser.post(BASE + "/v2/web/consents", data={"consent": consent}, allow_redirects=False)
        api_error(401, auth.userinfo)


def check_session_rules(client):
    """A collection reports what it requires of the session, and a login that meets it helps."""
    with visitor() as browser:
        transfer = transfer_client(tokens_for(client, browser, MIRA, TransferScopes.all)["access_token"])
        domain = api_error(502, one_try(transfer).operation_ls, trouble("06"))
        assert domain.code == "ExternalError.DirListingFailed.LoginFailed"
        wanted = to_gare(domain).authorization_parameters
        assert wanted.session_required_single_domain == ["globusid.org"]
        policy = api_error(403, transfer.operation_ls, trouble("07"))
        assert policy.info.authorization_parameters.session_required_policies
        policies = to_gare(policy).authorization_parameters.session_required_policies
        assert policy.code == "AuthPolicyFailed" and len(policies) == 1

        client.oauth2_start_flow(REDIRECT_URI, TransferScopes.all)
        url = client.oauth2_get_authorize_url(
            session_required_single_domain=wanted.session_required_single_domain,
            session_required_policies=policies,
            session_message=wanted.session_message,
        )
        code = sign_in(browser, url, "msolano@globusid.org")["code"]
        transfer = transfer_client(client.oauth2_exchange_code_for_tokens(code)["access_token"])
        for end in ("06", "07"):
            assert transfer.operation_ls(trouble(end))["length"] > 0
    seen = control("GET", "seen")["requests"]["authorize"][-1]
    assert seen["session_required_policies"] == policies[0]


def check_troubles(transfer):
    for end, status, code in (
        ("04", 404, "EndpointDeleted"),
        ("05", 502, "ExternalError.DirListingFailed.GCDisconnected"),
        ("08", 403, "EndpointPermissionDenied"),
        ("09", 403, "PermissionDenied"),
        ("0b", 502, "ExternalError.DirListingFailed.ConnectFailed"),
    ):
        control("DELETE", "seen")
        assert api_error(status, transfer.operation_ls, trouble(end)).code == code
        calls = control("GET", "seen")["calls"]
        assert calls["GET /v0.10/operation/endpoint/{id}/ls"] == 1, (end, calls)
    one = one_try(transfer_client(transfer.authorizer.access_token))
    assert api_error(503, one.operation_ls, trouble("0a")).code == "ServiceUnavailable"


def check_retries(transfer):
    """The SDK survives overload with a Retry-After, cut connections and server errors, and reports the rest."""
    path = "/v0.10/endpoint_search"
    search = {"filter_scope": "my-endpoints"}

    def calls():
        return control("GET", "seen")["calls"]["GET " + path]

    control("DELETE", "seen")
    with fault({"fault": "status", "status": 503, "retry_after": "1", "path": path, "times": 1}):
        started = time.monotonic()
        assert transfer.endpoint_search(**search)["DATA"]
        assert time.monotonic() - started >= 1 and calls() == 2
    control("DELETE", "seen")
    with fault({"fault": "cut", "path": path, "times": 1}, {"fault": "status", "status": 500, "path": path, "times": 1}):
        assert transfer.endpoint_search(**search)["DATA"] and calls() == 3

    one = one_try(transfer_client(transfer.authorizer.access_token))
    with fault({"fault": "cut", "path": path}):
        error_of(globus_sdk.GlobusConnectionError, one.endpoint_search, **search)
    with fault({"fault": "cut", "after": 400, "path": path}):
        error_of(globus_sdk.NetworkError, one.endpoint_search, **search)
    with fault({"fault": "slow", "ms": 1500, "path": path}), one.transport.tune(http_timeout=0.3):
        error_of(globus_sdk.GlobusTimeoutError, one.endpoint_search, **search)
    with fault({"fault": "status", "status": 429, "path": path}):
        assert api_error(429, one.endpoint_search, **search).code == "TooManyRequests"
    with fault({"fault": "html", "status": 502, "path": path}):
        page = api_error(502, one.endpoint_search, **search)
        assert page.raw_json is None and "<html" in page.text
    with fault({"fault": "html", "path": path}):
        assert one.endpoint_search(**search).content_type.startswith("text/html")
    with fault({"fault": "content-type", "path": path}):
        assert one.endpoint_search(**search).content_type == "text/plain"


def check_wrong_tokens(client):
    """The SDK refuses an id_token with any wrong value that it checks."""
    for name, kind in (
        ("id-token-expired", jwt.ExpiredSignatureError),
        ("id-token-not-yet-valid", jwt.ImmatureSignatureError),
        ("id-token-aud", jwt.InvalidAudienceError),
        ("id-token-alg-none", jwt.InvalidTokenError),
        ("id-token-alg-hs256", jwt.InvalidTokenError),
        ("id-token-signature", jwt.InvalidSignatureError),
        ("keys-overlap", jwt.InvalidSignatureError),
    ):
        with visitor() as browser, fault({"fault": name}):
            tokens = tokens_for(client, browser, MIRA, AuthScopes.openid)
            error_of(kind, tokens.decode_id_token)
    for name in ("keys-rotated", "keys-without-kid", "id-token-kid"):
        with visitor() as browser, fault({"fault": name}):
            assert tokens_for(client, browser, MIRA, AuthScopes.openid).decode_id_token()["sub"]
    with visitor() as browser, fault({"fault": "id-token-missing"}):
        tokens = tokens_for(client, browser, MIRA, AuthScopes.openid)
        error_of(KeyError, tokens.decode_id_token)
    with visitor() as browser, fault({"fault": "other-tokens-missing"}):
        error_of(KeyError, tokens_for, client, browser, MIRA, AuthScopes.openid)


def check_rotation(client):
    """A refresh token that changes, and one whose reuse ends the login; a token that lives for a second."""
    with visitor() as browser:
        client.oauth2_start_flow(REDIRECT_URI, TransferScopes.all, refresh_tokens=True)
        code = sign_in(browser, client.oauth2_get_authorize_url(), MIRA)["code"]
        old = client.oauth2_exchange_code_for_tokens(code)["refresh_token"]
    with fault({"fault": "refresh-rotates", "times": 1}):
        new = client.oauth2_refresh_token(old)["refresh_token"]
    assert new != old and api_error(400, client.oauth2_refresh_token, old).raw_json == {"error": "invalid_grant"}
    with fault({"fault": "token-life", "seconds": 1, "times": 1}):
        short = client.oauth2_refresh_token(new)["access_token"]
    time.sleep(1.1)
    api_error(401, transfer_client(short).get_submission_id)
    with fault({"fault": "refresh-rotates-strictly", "times": 1}):
        newest = client.oauth2_refresh_token(new)["refresh_token"]
    for dead in (new, newest):
        api_error(400, client.oauth2_refresh_token, dead)


def check_second_login_is_silent_and_a_refusal_is_told(client, browser):
    client.oauth2_start_flow(REDIRECT_URI, SCOPES, state="again")
    silent = browser.get(client.oauth2_get_authorize_url(), allow_redirects=False)
    assert silent.status_code == 302
    url = client.oauth2_get_authorize_url(prompt="login")
    refused = sign_in(browser, url, "amara@globusid.org", "deny")
    assert refused["error"] == "access_denied" and refused["state"] == "again"


def main():
    client = globus_sdk.ConfidentialAppAuthClient(CLIENT_ID, CLIENT_SECRET)
    control("DELETE", "faults")
    with visitor() as browser:
        tokens = log_in(client, browser, JONAS)
        check_tokens(tokens)
        claims = check_id_token(client, tokens)
        check_userinfo(tokens, claims)
        check_introspection(client, tokens, claims)
        transfer = check_transfer(tokens)
        check_tasks(transfer, check_files(transfer))
        check_paused_tasks(transfer)
        check_troubles(transfer)
        check_retries(transfer)
        check_refresh(client, tokens)
        check_revocation(client, tokens, transfer)
        check_second_login_is_silent_and_a_refusal_is_told(client, browser)
    check_app_in_its_own_name(client)
    check_native_app()
    check_dependent_tokens(client)
    check_groups(client)
    check_consents(client)
    check_session_rules(client)
    check_wrong_tokens(client)
    check_rotation(client)
    print("sdk walk: ok")


if __name__ == "__main__":
    main()
