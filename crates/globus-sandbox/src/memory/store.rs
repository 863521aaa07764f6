//! Sign-ins, consents, codes and tokens. All in memory, all bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::ground::moment::now;
use crate::ground::random;
use crate::ground::shelf::Shelf;
use crate::world::apps::Client;
use crate::world::people::{Identity, Person};
use crate::world::scopes;
use crate::world::scopes::Scope;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// How long a browser's session lasts, in seconds.
pub(crate) const SESSION_LIFE: i64 = 30 * DAY;
/// How long a person takes to the address of a collection.
pub(crate) const TICKET_LIFE: i64 = MINUTE;
/// How long an authorization request stays pending.
pub(crate) const PENDING_LIFE: i64 = 30 * MINUTE;
/// How long an authorization code is valid: at most ten minutes (RFC 6749, section 4.1.2).
pub(crate) const CODE_LIFE: i64 = 10 * MINUTE;
/// Access tokens and `id_token`s of Globus Auth: 172800 seconds.
pub(crate) const TOKEN_LIFE: i64 = 2 * DAY;
/// Dependent tokens expire earlier.
pub(crate) const DEPENDENT_LIFE: i64 = 60 * MINUTE;
/// A refresh token expires after six months without use.
pub(crate) const REFRESH_LIFE: i64 = 182 * DAY;

/// One browser that is signed in ("Globus Auth documentation", sessions).
#[derive(Clone)]
pub(crate) struct BrowserSession {
    pub(crate) person: Arc<Person>,
    /// What `session_info` calls it: not the cookie's value.
    pub(crate) id: String,
    pub(crate) authentications: Vec<Authentication>,
    /// Policies that a sign-in to an app has met: at most one entry for each app and policy.
    pub(crate) policies: Vec<(Client, &'static str)>,
}

/// The proof of an identity in a sign-in to one app. It does not count for another app's session.
#[derive(Clone)]
pub(crate) struct Authentication {
    pub(crate) client: Client,
    pub(crate) identity: String,
    pub(crate) provider: &'static str,
    pub(crate) time: i64,
    /// The app asked for multi-factor authentication.
    pub(crate) mfa: bool,
}

/// A valid authorization request that waits for the person's decision (RFC 6749, section 4.1.1).
#[derive(Clone)]
pub(crate) struct Pending {
    pub(crate) client: Client,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) offline: bool,
    /// `prompt=login` that has not been followed yet.
    pub(crate) sign_in_again: bool,
    /// `prompt=none`: no page may be shown.
    pub(crate) silent: bool,
    pub(crate) message: Option<String>,
    pub(crate) needs: SessionNeeds,
}

/// What the app requires of the session (the `session_required_…` parameters).
#[derive(Clone, Default)]
pub(crate) struct SessionNeeds {
    pub(crate) identities: Vec<String>,
    pub(crate) domains: Vec<String>,
    pub(crate) policies: Vec<String>,
    pub(crate) mfa: bool,
}

/// One login of one person to one app. Its code and all its tokens share it.
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) client: Client,
    pub(crate) person: Arc<Person>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) offline: bool,
    /// The session at the time of the login; none for client credentials.
    pub(crate) session: Option<BrowserSession>,
}

/// An authorization code and what it is bound to.
pub(crate) struct Code {
    pub(crate) grant: Arc<Grant>,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) used: bool,
}

/// An access token or a refresh token.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) grant: Arc<Grant>,
    pub(crate) resource_server: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) issued: i64,
    pub(crate) expires: i64,
}

impl Token {
    pub(crate) fn has_scope(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.name == name)
    }

    /// The value of `scope`: names in the server's order, without dependencies.
    pub(crate) fn scope_text(&self) -> String {
        let names: Vec<&str> = self.scopes.iter().map(|s| s.name.as_str()).collect();
        names.join(" ")
    }
}

/// The scopes that a person allows an app.
#[derive(Clone)]
pub(crate) struct Consent {
    /// Random and known only to the consent page, so it also proves that a form to rescind came from that page.
    pub(crate) id: String,
    pub(crate) person: Arc<Person>,
    pub(crate) client: Client,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) allows_refresh: bool,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) last_used: i64,
}

/// The most identities created by `provision`.
const MAX_PROVISIONED: usize = 500;

/// A signed-in person on the way to the address of a collection, which does not get their cookie.
pub(crate) struct Ticket {
    pub(crate) person: Arc<Person>,
    pub(crate) collection: String,
}

/// The state of Globus Auth.
pub(crate) struct Store {
    pub(crate) sessions: Shelf<BrowserSession>,
    pub(crate) pending: Shelf<Pending>,
    pub(crate) codes: Shelf<Code>,
    pub(crate) access_tokens: Shelf<Token>,
    pub(crate) refresh_tokens: Shelf<Token>,
    /// Refresh tokens that were rotated; a client that uses one again may be a thief.
    pub(crate) spent_refresh_tokens: Shelf<Arc<Grant>>,
    pub(crate) tickets: Shelf<Ticket>,
    /// At most one for each person and client, so it needs no other bound.
    consents: Vec<Consent>,
    last_authentications: HashMap<String, i64>,
    provisioned: VecDeque<Identity>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            sessions: Shelf::with_room_for(2_000),
            pending: Shelf::with_room_for(1_000),
            codes: Shelf::with_room_for(5_000),
            access_tokens: Shelf::with_room_for(20_000),
            refresh_tokens: Shelf::with_room_for(20_000),
            spent_refresh_tokens: Shelf::with_room_for(5_000),
            tickets: Shelf::with_room_for(1_000),
            consents: Vec::new(),
            last_authentications: HashMap::new(),
            provisioned: VecDeque::new(),
        }
    }

    /// Identities created by `provision`, the oldest first.
    pub(crate) fn provisioned(&self) -> impl Iterator<Item = &Identity> {
        self.provisioned.iter()
    }

    pub(crate) fn provision(&mut self, identity: Identity) {
        if self.provisioned.len() >= MAX_PROVISIONED {
            self.provisioned.pop_front();
        }
        self.provisioned.push_back(identity);
    }

    pub(crate) fn note_authentication(&mut self, identity: &str, now: i64) {
        self.last_authentications.insert(identity.to_owned(), now);
    }

    /// `None` for an identity that never signed in.
    pub(crate) fn last_authentication(&self, identity: &str) -> Option<i64> {
        self.last_authentications.get(identity).copied()
    }

    pub(crate) fn consents_of(&self, person: &Person) -> Vec<Consent> {
        let mine = |consent: &&Consent| consent.person.primary.id == person.primary.id;
        self.consents.iter().filter(mine).cloned().collect()
    }

    /// Whether the person has already allowed the app all of these scopes.
    pub(crate) fn has_consent(&self, person: &Person, client: &Client, asked: &[Scope]) -> bool {
        self.consent(person, client).is_some_and(|consent| scopes::cover(&consent.scopes, asked))
    }

    pub(crate) fn consent(&self, person: &Person, client: &Client) -> Option<&Consent> {
        self.consents.iter().find(|consent| consent.client == *client && consent.person.primary.id == person.primary.id)
    }

    pub(crate) fn add_consent(&mut self, person: &Arc<Person>, client: &Client, more: &[Scope], offline: bool) {
        let now = now();
        if let Some(consent) = self.consent_mut(person, client) {
            scopes::merge(&mut consent.scopes, more.iter().cloned());
            consent.allows_refresh |= offline;
            consent.updated = now;
            return;
        }
        self.consents.push(Consent {
            id: random::uuid(),
            person: person.clone(),
            client: client.clone(),
            scopes: more.to_vec(),
            allows_refresh: offline,
            created: now,
            updated: now,
            last_used: now,
        });
    }

    /// Records that the app got tokens by its consent.
    pub(crate) fn note_use_of_consent(&mut self, person: &Person, client: &Client) {
        if let Some(consent) = self.consent_mut(person, client) {
            consent.last_used = now();
        }
    }

    fn consent_mut(&mut self, person: &Person, client: &Client) -> Option<&mut Consent> {
        self.consents.iter_mut().find(|known| known.client == *client && known.person.primary.id == person.primary.id)
    }

    /// Rescinds a consent. All codes and tokens of that app for that person are revoked at once.
    pub(crate) fn rescind(&mut self, person: &Person, consent_id: &str) -> bool {
        let found = self.consents.iter().position(|consent| {
            consent.person.primary.id == person.primary.id && random::same(&consent.id, consent_id)
        });
        let Some(position) = found else {
            return false;
        };
        let client = self.consents.swap_remove(position).client;
        let other = |grant: &Grant| grant.client != client || grant.person.primary.id != person.primary.id;
        self.codes.keep_only(|code| other(&code.grant));
        self.access_tokens.keep_only(|token| other(&token.grant));
        self.refresh_tokens.keep_only(|token| other(&token.grant));
        true
    }

    /// Removes all consents, codes and tokens of an app.
    pub(crate) fn forget_client(&mut self, client: &Client) {
        self.consents.retain(|consent| consent.client != *client);
        self.pending.keep_only(|pending| pending.client != *client);
        self.codes.keep_only(|code| code.grant.client != *client);
        self.access_tokens.keep_only(|token| token.grant.client != *client);
        self.refresh_tokens.keep_only(|token| token.grant.client != *client);
    }

    /// Ends a login whose rotated refresh token was used again (RFC 9700, section 4.14.2).
    pub(crate) fn punish_reuse(&mut self, refresh_token: &str, client: &Client) {
        let spent = self.spent_refresh_tokens.get(refresh_token, now()).filter(|grant| grant.client == *client);
        if let Some(id) = spent.map(|grant| grant.id.clone()) {
            tracing::warn!("sandbox: rotated refresh token used again; ended its login");
            self.end_grant(&id);
        }
    }

    /// Revokes all tokens of one login.
    pub(crate) fn end_grant(&mut self, grant_id: &str) {
        self.access_tokens.keep_only(|token| token.grant.id != grant_id);
        self.refresh_tokens.keep_only(|token| token.grant.id != grant_id);
    }
}
