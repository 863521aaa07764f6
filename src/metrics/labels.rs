//! Label values. Each set is small and fixed.

/// How a login or a step-up ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Ok,
    /// It failed.
    Failed,
    /// The person said no at Globus.
    Denied,
}

impl Outcome {
    pub(super) const ALL: [Self; 3] = [Self::Ok, Self::Failed, Self::Denied];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its person logged out.
    Logout,
    /// A new login of the same browser replaced it.
    Login,
    /// Its person ended it from another browser.
    Elsewhere,
    /// It was unused for too long, or too old.
    Age,
    /// Its person had too many sessions.
    Limit,
    /// Its browser left before it got the cookie.
    Abandoned,
}

impl Cause {
    pub(super) const ALL: [Self; 6] =
        [Self::Logout, Self::Login, Self::Elsewhere, Self::Age, Self::Limit, Self::Abandoned];

    /// As a label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Login => "login",
            Self::Elsewhere => "elsewhere",
            Self::Age => "age",
            Self::Limit => "limit",
            Self::Abandoned => "abandoned",
        }
    }
}

/// How the renewal of a token ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// The session has a new token.
    Ok,
    /// Globus no longer accepts the refresh token, or its answer is not about this person.
    Refused,
    /// Globus did not answer as it should.
    Failed,
    /// The new token could not be stored, or its session had ended.
    Lost,
}

impl Renewed {
    pub(super) const ALL: [Self; 4] = [Self::Ok, Self::Refused, Self::Failed, Self::Lost];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// What the gate decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request may pass.
    Allowed,
    /// It may not.
    Denied,
    /// Nobody is signed in, or another login is needed.
    SignIn,
    /// It cannot be found out now.
    Unknown,
}

impl Decision {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::SignIn => "sign_in",
            Self::Unknown => "unknown",
        }
    }
}

/// Why the server closed a connection early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It waited for its next request for too long, as browsers let it.
    Idle,
    /// Its client took too long to send a request or to read a response.
    Overdue,
    /// Another connection needed its place.
    Replaced,
    /// There was no place for it.
    Refused,
}

impl Closed {
    pub(super) const ALL: [Self; 4] = [Self::Idle, Self::Overdue, Self::Replaced, Self::Refused];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Overdue => "overdue",
            Self::Replaced => "replaced",
            Self::Refused => "refused",
        }
    }
}
