//! `/groups`: the groups that the person is in.

use askama::Template as _;
use axum::{extract::State, response::Html};

use super::{globus_pages, logged_in::LoggedIn};
use crate::{
    error::AppError,
    globus::{
        groups::{Group, Membership},
        scopes::groups::VIEW_MY_GROUPS_AND_MEMBERSHIPS,
    },
    pages::{GroupView, GroupsPage, MembershipView},
    state::AppState,
};

pub(super) async fn groups(State(app): State<AppState>, user: LoggedIn) -> Result<Html<String>, AppError> {
    // Most logins do not ask for it: whoever opens this page is asked once.
    user.access_token_with_scope(VIEW_MY_GROUPS_AND_MEMBERSHIPS).await?;
    let mut groups = user.groups().await?.get_my_groups(&[]).await?;
    groups.sort_by_cached_key(|group| group.name.as_deref().unwrap_or_default().to_lowercase());
    let page = GroupsPage {
        site: &app.site,
        user: &user.view(),
        groups: groups.into_iter().map(|group| view(&app, group)).collect(),
    };
    Ok(Html(page.render()?))
}

fn view(app: &AppState, group: Group) -> GroupView {
    let memberships = group.my_memberships.iter().filter(|membership| membership.is_active()).map(membership);
    GroupView {
        memberships: memberships.collect(),
        name: group.name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| group.id.clone()),
        description: group.description.filter(|text| !text.trim().is_empty()),
        href: globus_pages::web_app(app, &format!("groups/{}/about", group.id)).into(),
        id: group.id,
    }
}

fn membership(membership: &Membership) -> MembershipView {
    let role = match membership.role.as_deref() {
        Some("admin") => "Administrator",
        Some("manager") => "Manager",
        _ => "Member",
    };
    MembershipView { role, username: membership.username.clone() }
}
