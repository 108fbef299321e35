//! The integration tests: one binary, one harness. Each module is named for what it promises.
//!
//! A test says in its name what is promised; what several of them need is in `harness`.

mod access_log;
mod archive;
mod changing_files;
mod client_answers;
mod client_command_line;
mod client_log;
mod client_saving;
mod client_upload;
mod concurrency;
mod conditions;
mod deadlines;
mod default_documents;
mod framing;
mod harness;
mod hot_path;
mod layering;
mod lifecycle;
mod listing;
mod load;
mod load_engine;
mod load_people;
mod load_search;
mod load_stalls;
mod load_wrong;
mod log_formats;
mod log_rotation;
mod machines;
mod media_types;
mod methods;
mod negotiation;
mod paths;
mod protocol;
mod ranges;
mod readme;
mod real_clients;
mod rules;
mod server_command_line;
mod settings;
mod smoke;
mod source_pages;
mod sum;
mod tidy;
mod transitions;
mod upload;
