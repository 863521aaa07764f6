//! The gate behind real proxies: the same cases behind nginx, Caddy and Traefik, with the configurations of `deploy/` and two apps.
//! Rows H and I of the checklist, where a proxy makes a difference.

mod assertions;
mod faults;
mod forged;
mod kinds;
mod oauth2_proxy;
mod paths;
mod people;
mod programs;
pub mod proxy;
mod site;
mod step_up;
mod tls;

use self::{proxy::Proxy, site::Gate};
use crate::harness::skip_without;

/// The cases, for one proxy.
macro_rules! behind {
    ($module:ident, $proxy:expr) => {
        mod $module {
            use super::{assertions, faults, forged, kinds, paths, people, programs, proxy, ready, step_up, tls};

            /// The case's proxy, unless its program is missing.
            macro_rules! case {
                ($name:ident, $case:path) => {
                    // The portal runs beside what waits for sockets here.
                    #[tokio::test(flavor = "multi_thread")]
                    async fn $name() {
                        if ready(&$proxy, stringify!($name)) {
                            $case(&$proxy).await;
                        }
                    }
                };
            }

            case!(a_deep_link_leads_through_the_login_and_back, people::deep_links);
            case!(each_app_gets_the_right_person_and_only_whom_its_policy_lets_in, people::two_apps);
            case!(a_session_that_has_ended_opens_nothing, people::logout);
            case!(who_leaves_a_group_is_out_when_the_list_is_read_again, people::group_removal);
            case!(what_needs_more_of_a_login_is_reached_through_globus, step_up::mfa);
            case!(a_program_passes_by_its_token_or_is_told_why_not, programs::tokens);
            case!(over_tls_the_files_are_as_they_stand_there, tls::walk);
            case!(an_app_verifies_who_it_is_without_trusting_headers, assertions::verify);
            case!(no_header_of_a_visitor_changes_who_they_are, forged::identity);
            case!(no_header_and_no_query_of_a_visitor_opens_anything, forged::nothing_opens);
            case!(no_hostile_name_adds_a_header, forged::hostile_names);
            case!(no_spelling_of_a_path_passes_the_gate, paths::spellings);
            case!(an_open_path_is_open_only_as_it_is_written, paths::open);
            case!(what_does_not_parse_reaches_no_app, paths::nonsense);
            case!(each_kind_of_request_gets_what_it_can_use, kinds::kinds);
            case!(what_cannot_be_known_is_neither_yes_nor_no, faults::unknown);
            case!(a_proxy_that_is_not_named_gets_no_yes, faults::untrusted);
        }
    };
}

behind!(nginx, proxy::NGINX_PROXY);
behind!(caddy, proxy::CADDY_PROXY);
behind!(traefik, proxy::TRAEFIK_PROXY);

fn ready(proxy: &Proxy, case: &str) -> bool {
    !skip_without(&format!("{case} behind {}", proxy.name), proxy.programs)
}
