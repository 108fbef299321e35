//! The integration tests: one binary, one harness. Each module is named for what it promises.
//!
//! A test says in its name what is promised; what several of them need is in `harness`.

#![cfg_attr(
    feature = "tls",
    expect(clippy::duplicate_mod, reason = "properties takes the transport of in_memory by way of fuzz")
)]

mod access_log;
mod advisories;
mod archive;
mod changing_files;
mod client_command_line;
mod client_digest;
mod client_hostile;
mod client_log;
mod client_login;
mod client_redirects;
mod client_responses;
mod client_resume;
mod client_saving;
mod client_tree;
mod client_upload;
mod concurrency;
mod conditions;
mod crowds;
mod curl_oracle;
mod deadlines;
mod default_documents;
mod examples;
mod faulty_files;
mod framing;
mod fresh;
mod generated_docs;
mod harness;
mod helper_threads;
mod hot_path;
mod import_circles;
mod in_memory;
mod layering;
mod lifecycle;
mod listing;
mod load;
mod load_engine;
mod load_gone;
mod load_people;
mod load_search;
mod load_stalls;
mod load_wrong;
mod log_formats;
mod log_rotation;
mod login;
mod media_types;
mod memory;
mod methods;
mod negotiation;
#[cfg(not(feature = "tls"))]
mod no_tls;
mod paths;
#[cfg(feature = "tls")]
mod properties;
mod protocol;
mod ranges;
mod readme;
mod real_clients;
mod repr_digest;
mod root_path;
mod rules;
mod running_out;
mod sandbox;
mod saved_reports;
mod server_command_line;
mod settings;
mod smoke;
mod snippets;
mod source_pages;
mod startup;
mod sum;
mod tidy;
#[cfg(feature = "tls")]
mod tls;
mod transitions;
mod upload;
mod workers;
