# JupyterHub (5 or newer; tried with 6.1) behind the gate of globus-portal: the hub takes the person from the proxy's headers, in place of
# oauthenticator's GlobusOAuthenticator. Put this into /etc/jupyterhub/jupyterhub_config.py and insert your domain and groups.
#
# The proxy's file guards /app/, which is the hub; the policy must let in only people of one domain, because the part of a username
# before the `@` becomes the account:
#
#     [policies.staff]
#     domains = ['example.org']
#     groups = ['the id of a Globus group', 'the id of the group of admins']
#
# Whoever reaches the hub without the proxy can be anybody: it listens on loopback only.
from urllib.parse import unquote

from jupyterhub.auth import Authenticator
from jupyterhub.handlers import LogoutHandler

# Accounts are made of usernames of this domain only. Another linked identity may have the same name elsewhere.
DOMAIN = "example.org"
# Members of this Globus group are admins. The policy must name it: an app learns of no other groups.
ADMINS = "the id of the group of admins"
USERNAME = "X-Auth-Request-Preferred-Username"


class LogoutEverywhere(LogoutHandler):
    """Ends the hub's session and those of its notebook servers, and then the portal's."""

    async def render_logout_page(self):
        self.redirect("/logout")


class GateAuthenticator(Authenticator):
    """Takes the person whom the gate lets in."""

    auto_login = True

    def person(self, handler):
        """The name that the proxy sends with this request; none if it is not of our domain."""
        username = unquote(handler.request.headers.get(USERNAME, ""))
        name, _, domain = username.rpartition("@")
        return self.normalize_username(name) if name and domain == DOMAIN else None

    async def authenticate(self, handler, data=None):
        name = self.person(handler)
        groups = handler.request.headers.get("X-Auth-Request-Groups", "").split(",")
        return {"name": name, "admin": name in self.admin_users or ADMINS in groups} if name else None

    def get_handlers(self, app):
        return [*super().get_handlers(app), ("/logout", LogoutEverywhere)]

    async def refresh_user(self, user, handler=None):
        # The hub has a cookie of its own: when somebody else signs in at the portal, it must not go on as the person before. Requests
        # without the header are those of notebook servers.
        by_gate = handler is not None and USERNAME in handler.request.headers
        return not by_gate or self.person(handler) == user.name


c = get_config()  # noqa: F821
c.JupyterHub.authenticator_class = GateAuthenticator
c.JupyterHub.bind_url = "http://127.0.0.1:8000/app/"
# The gate has decided already who may come.
c.Authenticator.allow_all = True
# The hub looks at the headers of every request. 0 would mean never.
c.Authenticator.auth_refresh_age = -1
