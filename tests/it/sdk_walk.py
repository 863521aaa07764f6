"""Walks through the sandbox with the official Globus SDK for Python, the way an app and its visitor do.

Needs globus-sdk 4, and these environment variables:

    GLOBUS_SDK_SERVICE_URL_AUTH      base URL of the sandbox; GLOBUS_SDK_SERVICE_URL_TRANSFER is set from it if absent
    SANDBOX_CLIENT_ID, SANDBOX_CLIENT_SECRET

Every step is asserted; the last line printed is "sdk walk: ok".
"""

import base64
import hashlib
import os
import re
import time
from urllib.parse import parse_qs, urlsplit

BASE = os.environ["GLOBUS_SDK_SERVICE_URL_AUTH"].rstrip("/")
CLIENT_ID = os.environ["SANDBOX_CLIENT_ID"]
CLIENT_SECRET = os.environ["SANDBOX_CLIENT_SECRET"]
# The SDK reads it when it is imported or when a client is made, so it has to be there before both.
os.environ.setdefault("GLOBUS_SDK_SERVICE_URL_TRANSFER", BASE + "/")

import globus_sdk  # noqa: E402
import requests  # noqa: E402
from globus_sdk.scopes import AuthScopes, TransferScopes  # noqa: E402

REDIRECT_URI = "http://localhost:5000/login"
SCOPES = [AuthScopes.openid, AuthScopes.profile, AuthScopes.email, TransferScopes.all]


def hidden(page, name):
    """The value of a hidden field."""
    return re.search(f'name="{name}" value="([^"]*)"', page)[1]


def sign_in(browser, authorize_url, username, decision="allow"):
    """Does what a visitor does on the sandbox's pages; gives the parameters that the app receives."""
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
    assert location.startswith(REDIRECT_URI + "?"), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def api_error(status, call, *args, **kwargs):
    """The error that a call must end with."""
    try:
        call(*args, **kwargs)
    except globus_sdk.GlobusAPIError as error:
        assert error.http_status == status, (error.http_status, error.text)
        return error
    raise AssertionError(f"no error, but a {status} was expected")


def log_in(client, browser, username):
    client.oauth2_start_flow(REDIRECT_URI, SCOPES, state="walk state", refresh_tokens=True)
    url = client.oauth2_get_authorize_url(query_params={"nonce": "walk nonce"})
    assert url.startswith(BASE + "/v2/oauth2/authorize?"), url
    answer = sign_in(browser, url, username)
    assert answer["state"] == "walk state"
    tokens = client.oauth2_exchange_code_for_tokens(answer["code"])
    replay = api_error(401, client.oauth2_exchange_code_for_tokens, "nonsense")
    assert replay.raw_json == {"error": "invalid_grant"}
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
    assert claims["preferred_username"] == "jonas@ridgeline.example"
    half = hashlib.sha512(tokens["access_token"].encode()).digest()[:32]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert len(client.get_openid_configuration()["claims_supported"]) == 10
    return claims


def check_userinfo(tokens, claims):
    authorizer = globus_sdk.AccessTokenAuthorizer(tokens["access_token"])
    info = globus_sdk.AuthClient(authorizer=authorizer).userinfo()
    for name in ("sub", "name", "email", "preferred_username", "identity_set"):
        assert info[name] == claims[name], name
    error = api_error(401, globus_sdk.AuthClient().userinfo)
    assert error.code == "UNAUTHORIZED"


def check_introspection(client, tokens, claims):
    answer = client.oauth2_token_introspect(tokens["access_token"], include="identity_set,session_info")
    assert answer["active"] is True
    assert answer["sub"] == claims["sub"]
    assert answer["identity_set"] == [claims["sub"]]
    assert claims["sub"] in answer["session_info"]["authentications"]


def check_transfer(tokens):
    token = tokens.by_resource_server["transfer.api.globus.org"]["access_token"]
    transfer = globus_sdk.TransferClient(authorizer=globus_sdk.AccessTokenAuthorizer(token))
    offset, sizes, more = 0, [], True
    while more:
        page = transfer.endpoint_search(filter_scope="my-endpoints", limit=25, offset=offset)
        sizes.append(len(page["DATA"]))
        offset, more = offset + 25, page["has_next_page"]
    assert sizes == [25, 25, 7]
    paginator = transfer.paginated.endpoint_search(filter_scope="my-endpoints")
    paginator.limit = 20
    assert [len(page["DATA"]) for page in paginator] == [20, 20, 17]
    # Left alone, it asks for pages of 100.
    every = list(transfer.paginated.endpoint_search(filter_scope="my-endpoints").items())
    assert len({endpoint["id"] for endpoint in every}) == 57
    one = transfer.get_endpoint(every[0]["id"])
    assert one["display_name"] == every[0]["display_name"]
    missing = api_error(404, transfer.get_endpoint, CLIENT_ID)
    assert missing.code == "EndpointNotFound" and len(missing.request_id) == 9
    return transfer


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
    token = client.oauth2_client_credentials_tokens(AuthScopes.view_identities)
    authorizer = globus_sdk.AccessTokenAuthorizer(token["access_token"])
    auth = globus_sdk.AuthClient(authorizer=authorizer)
    found = auth.get_identities(usernames=["mira@northfield.example", "amara@globusid.org"])
    assert sorted(i["name"] for i in found["identities"]) == ["Amara Okafor", "Mira Solano"]


def check_second_login_is_silent_and_a_refusal_is_told(client, browser):
    client.oauth2_start_flow(REDIRECT_URI, SCOPES, state="again")
    silent = browser.get(client.oauth2_get_authorize_url(), allow_redirects=False)
    assert silent.status_code == 302
    url = client.oauth2_get_authorize_url(prompt="login")
    refused = sign_in(browser, url, "amara@globusid.org", "deny")
    assert refused["error"] == "access_denied" and refused["state"] == "again"


def main():
    client = globus_sdk.ConfidentialAppAuthClient(CLIENT_ID, CLIENT_SECRET)
    with requests.Session() as browser:
        browser.trust_env = False
        tokens = log_in(client, browser, "jonas@ridgeline.example")
        check_tokens(tokens)
        claims = check_id_token(client, tokens)
        check_userinfo(tokens, claims)
        check_introspection(client, tokens, claims)
        transfer = check_transfer(tokens)
        check_refresh(client, tokens)
        check_revocation(client, tokens, transfer)
        check_app_in_its_own_name(client)
        check_second_login_is_silent_and_a_refusal_is_told(client, browser)
    print("sdk walk: ok")


if __name__ == "__main__":
    main()
