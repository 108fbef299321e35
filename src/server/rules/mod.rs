//! Response rules of the operator: fields, caching, CORS, redirects.
//!
//! None uses a connection or file content.

mod cache_control;
mod cors;
mod glob;
mod header;
mod host;
mod rate_limit;
mod redirect;
mod trusted_proxy;

pub use cache_control::CacheRule;
pub(super) use cache_control::cache_control;
pub use cors::Origin;
pub(super) use cors::preflight_fields;
pub use glob::Glob;
pub use header::Header;
pub(super) use header::check_header_conflicts;
pub use host::HostName;
pub(super) use host::{answers_to, is_named, local_names};
pub use rate_limit::RateLimit;
pub(super) use rate_limit::{RequestRates, address_network};
pub use redirect::Redirect;
pub(super) use redirect::{check_loops, find_redirect};
pub use trusted_proxy::Network;
pub(super) use trusted_proxy::{client_address, is_trusted};
