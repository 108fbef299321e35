//! Files to send, in order; directories are walked first.
//!
//! Links are followed, but not into a directory above.

use std::collections::VecDeque;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::config::ClientConfig;
use super::run_error::RunError;
use super::source::{Payload, Source, encode_name, ends_with_slash};

/// Bound on memory: 0.3 GB at 300 bytes a file.
const FILES_MAX: usize = 1_000_000;

pub(super) struct UploadItem {
    pub(super) payload: Payload,
    pub(super) path: String,
    pub(super) len: u64,
}

#[derive(Default)]
pub(super) struct UploadQueue {
    items: VecDeque<Result<UploadItem, RunError>>,
    /// A failure leaves the other files.
    pub(super) is_batch: bool,
    pub(super) count: usize,
    pub(super) total_len: u64,
    pub(super) begun: usize,
    pub(super) done_len: u64,
    pub(super) current_len: u64,
    pub(super) sent: usize,
    pub(super) sent_len: u64,
    /// Text and exit code.
    pub(super) first_error: Option<(String, u8)>,
}

impl UploadQueue {
    pub(super) fn new(config: &ClientConfig) -> Self {
        let mut queue = Self { is_batch: !config.more_uploads.is_empty(), ..Self::default() };
        if let Some(payload) = &config.upload {
            queue.add(payload.clone(), config.target.path.clone());
        }
        for (payload, path) in &config.more_uploads {
            queue.add(payload.clone(), path.clone());
        }
        queue
    }

    pub(super) fn next(&mut self) -> Option<Result<UploadItem, RunError>> {
        let next = self.items.pop_front()?;
        self.begun += 1;
        self.done_len += self.current_len;
        self.current_len = next.as_ref().map_or(0, |item| item.len);
        Some(next)
    }

    fn push(&mut self, item: Result<UploadItem, RunError>) {
        self.count += 1;
        self.total_len += item.as_ref().map_or(0, |item| item.len);
        self.items.push_back(item);
    }

    fn add(&mut self, payload: Payload, path: String) {
        let Payload::Source(Source::File(file)) = &payload else {
            return self.push(Ok(UploadItem { payload, path, len: 0 }));
        };
        match fs::metadata(file) {
            Ok(metadata) if metadata.is_dir() => match directory_path(&path, file) {
                Some((path, query)) => {
                    self.is_batch = true;
                    self.walk(file, &path, query, &mut ancestors(file));
                }
                None => self.push(Err(error(
                    file,
                    "it is a directory; end the path with a slash to send what is in it",
                ))),
            },
            Ok(metadata) if self.is_batch && !metadata.is_file() => self.push(Err(special_file(file))),
            metadata => {
                let len = metadata.map_or(0, |metadata| metadata.len());
                self.push(Ok(UploadItem { payload, path, len }));
            }
        }
    }

    fn walk(&mut self, directory: &Path, path: &str, query: &str, above: &mut Vec<(u64, u64)>) {
        let entries = fs::read_dir(directory)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>());
        let mut names = match entries {
            Ok(names) => names,
            Err(source) => return self.push(Err(RunError::Source(name(directory), source))),
        };
        names.sort();
        for entry in names {
            let (file, path) = (directory.join(&entry), format!("{path}{}", encode_name(&entry)));
            if self.items.len() >= FILES_MAX {
                return self.push(Err(error(directory, "there are more than 1,000,000 files")));
            }
            match fs::metadata(&file) {
                Err(source) => self.push(Err(RunError::Source(name(&file), source))),
                Ok(metadata) if metadata.is_dir() && above.contains(&identity(&metadata)) => {
                    self.push(Err(error(&file, "it is a link to a directory that it is in")));
                }
                Ok(metadata) if metadata.is_dir() => {
                    above.push(identity(&metadata));
                    self.walk(&file, &format!("{path}/"), query, above);
                    above.pop();
                }
                Ok(metadata) if metadata.is_file() => {
                    let (path, len) = (format!("{path}{query}"), metadata.len());
                    self.push(Ok(UploadItem { payload: Payload::Source(Source::File(file)), path, len }));
                }
                Ok(_) => self.push(Err(special_file(&file))),
            }
        }
    }
}

/// Path of the entries, which has to end with a slash or the directory's name; query.
fn directory_path<'a>(path: &'a str, directory: &Path) -> Option<(String, &'a str)> {
    let (start, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let has_name =
        directory.file_name().is_some_and(|name| start.ends_with(&format!("/{}", encode_name(name))));
    match (ends_with_slash(path), has_name) {
        (true, _) => Some((start.to_owned(), query)),
        (false, true) => Some((format!("{start}/"), query)),
        (false, false) => None,
    }
}

fn ancestors(directory: &Path) -> Vec<(u64, u64)> {
    let real = fs::canonicalize(directory).unwrap_or_default();
    real.ancestors().filter_map(|above| fs::metadata(above).ok()).map(|above| identity(&above)).collect()
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn name(file: &Path) -> String {
    Source::File(file.to_owned()).to_string()
}

fn error(file: &Path, text: &'static str) -> RunError {
    RunError::Source(name(file), io::Error::other(text))
}

fn special_file(file: &Path) -> RunError {
    error(file, "it is neither a file nor a directory")
}
