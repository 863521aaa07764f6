//! The filters of the templates.
#![expect(unreachable_pub, reason = "askama's macro makes public items of the filters")]

use askama::filters::Safe;
use askama::{Error, Result, Values};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::zone::Zone;

/// A moment for people and for machines, in a `<time>` element: by the clocks of the site, and in UTC.
#[askama::filter_fn]
pub fn moment(moment: &OffsetDateTime, _: &dyn Values, zone: &Zone) -> Result<Safe<String>> {
    let machine = moment.to_offset(UtcOffset::UTC).format(&Rfc3339).map_err(Error::custom)?;
    let people = zone.words(*moment).map_err(Error::custom)?;
    Ok(Safe(format!("<time datetime=\"{machine}\">{people}</time>")))
}

/// A scope in plain words. The template also shows the scope itself, so an unknown one needs no guess.
#[askama::filter_fn]
pub fn plain_scope(scope: &str, _: &dyn Values) -> Result<&'static str> {
    const GLOBUS: &str = "urn:globus:auth:scope:";
    Ok(match scope.strip_prefix(GLOBUS).unwrap_or(scope) {
        "openid" => "Know which Globus account is yours",
        "profile" => "See your name and organization",
        "email" => "See your email address",
        "transfer.api.globus.org:all" => "See your endpoints, and manage transfers for you",
        "auth.globus.org:view_identities" => "Look up identities",
        "auth.globus.org:view_identity_set" => "See which identities you have linked",
        "groups.api.globus.org:view_my_groups_and_memberships" => "See which groups you are in",
        "groups.api.globus.org:all" => "See and manage your groups",
        other if other.ends_with("/data_access") => "Reach the data of a collection",
        other if other.ends_with("/https") => "Read and write files of a collection over HTTPS",
        other if other.ends_with("/manage_collections") => "Manage the collections of an endpoint",
        _ => "Use this service for you",
    })
}
