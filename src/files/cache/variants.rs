//! Choice of file variant: precompressed, generated, or the original.
//!
//! Sidecars come first: the owner made them with care. Then embedded gzip, then generated gzip.

use std::rc::Rc;

use derive_where::derive_where;

use super::clock_cache::Cost;
use super::entry::{CachedFile, Lookup, VariantRequest};
use super::gzip_jobs::{GzipJobs, GzipResult};
use super::precompressed::{OriginalFile, Precompressed};
use crate::files::coding::Coding;
use crate::files::source::{Content, Resource};
use crate::files::watch::InotifyWatcher;

#[derive(Debug)]
#[derive_where(Default)]
pub(super) struct Variants<V> {
    pub(super) precompressed: Precompressed<V>,
    gzip: Gzip<V>,
}

#[derive(Debug, Default)]
enum Gzip<V> {
    #[default]
    Untried,
    NotSmaller,
    Compressed(Rc<CachedFile<V>>),
}

impl<V> Variants<V> {
    pub(super) fn choose(
        &mut self,
        (original, name): (&Rc<CachedFile<V>>, Option<&[u8]>),
        request: &VariantRequest<'_>,
        gzip_jobs: &mut GzipJobs,
        watch: &mut InotifyWatcher,
        make: &impl Fn(&Resource) -> V,
    ) -> Lookup<V> {
        let resource = &original.resource;
        // Embedded pages have no attributes. A sidecar on disk might be from another build.
        if let (Some(root), Some(name), Some(stat)) = (request.store.root.as_ref(), name, &resource.stat) {
            let original_file = OriginalFile { root, name, resource, stat, request };
            if let Some(entry) = self.precompressed.find(&original_file, watch, make) {
                return Lookup::File(entry);
            }
        }
        let plain = || Lookup::File(Rc::clone(original));
        let may_encode = request.accepted.tick.is_some() || matches!(resource.content, Content::GzipPage(_));
        if !may_encode || !request.accepted.includes(Coding::Gzip) {
            return plain();
        }
        match (&self.gzip, &resource.content, request.accepted.tick) {
            (Gzip::Compressed(entry), ..) => Lookup::File(Rc::clone(entry)),
            (Gzip::Untried, Content::GzipPage(page), _) => self.store_gzip(resource.gzip_of_page(page), make),
            (Gzip::Untried, _, Some(tick)) => {
                match gzip_jobs.gzip(request.key, resource, request.mtime_is_stable, tick) {
                    GzipResult::Compressed(bytes) => {
                        let (coding, len) = (Some(Coding::Gzip), bytes.len() as u64);
                        let content = Content::Memory(bytes);
                        let resource = resource.clone();
                        self.store_gzip(
                            Resource { content, len, coding, is_generated: true, ..resource },
                            make,
                        )
                    }
                    GzipResult::NotSmaller => {
                        self.gzip = Gzip::NotSmaller;
                        plain()
                    }
                    GzipResult::Pending => Lookup::Pending,
                    GzipResult::Refused => plain(),
                }
            }
            _ => plain(),
        }
    }

    fn store_gzip(&mut self, resource: Resource, make: &impl Fn(&Resource) -> V) -> Lookup<V> {
        let entry = CachedFile::new(resource, make);
        self.gzip = Gzip::Compressed(Rc::clone(&entry));
        Lookup::File(entry)
    }

    pub(super) fn cost(&self) -> Cost {
        let mut cost = self.precompressed.cost();
        if let Gzip::Compressed(entry) = &self.gzip {
            cost += entry.cost();
        }
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::super::gzip_jobs::{GZIP_LEN_MAX, GZIP_LEN_MIN};
    use super::*;
    use crate::files::testing::CacheFixture;
    use crate::files::{CacheLimits, ContentSource, EncodingPreferences, FileCache, SMALL_FILE_LEN_MAX};
    use flate2::read::GzDecoder;
    use std::fs::{self, File};
    use std::io::{Read, Write};
    use std::time::{Instant, SystemTime};

    const SMALL: u64 = SMALL_FILE_LEN_MAX;

    fn gzip() -> EncodingPreferences {
        EncodingPreferences::new([Coding::Brotli, Coding::Gzip], Some(Instant::now()))
    }

    /// Text of `len` bytes without equal lines.
    fn text(len: u64) -> Vec<u8> {
        let lines = (0..).flat_map(|line: u32| {
            format!("line {line} of many, {:x}\n", line.wrapping_mul(0x9e37_79b9)).into_bytes()
        });
        lines.take(len as usize).collect()
    }

    /// Incompressible bytes (xorshift).
    fn noise(len: u64) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        };
        std::iter::repeat_with(next).take(len as usize).collect()
    }

    /// Decoded generated variant; panics if there is none.
    #[track_caller]
    fn decoded(entry: &CachedFile<u32>) -> Vec<u8> {
        let resource = &entry.resource;
        assert!(
            resource.is_generated() && resource.is_negotiable && resource.coding == Some(Coding::Gzip),
            "{resource:?}"
        );
        let Content::Memory(bytes) = &resource.content else { panic!("{resource:?}") };
        assert_eq!(resource.len, bytes.len() as u64);
        let mut plain = Vec::new();
        GzDecoder::new(&bytes[..]).read_to_end(&mut plain).expect("gzip");
        plain
    }

    #[track_caller]
    fn assert_plain(entry: &CachedFile<u32>, len: u64) {
        let resource = &entry.resource;
        assert!(
            !resource.is_generated() && resource.coding.is_none() && resource.is_negotiable,
            "{resource:?}"
        );
        assert_eq!(resource.len, len);
    }

    #[test]
    fn file_within_gzip_length_limits_is_compressed_once() {
        let mut fixture = CacheFixture::new();
        for (len, is_made) in [
            (0, false),
            (GZIP_LEN_MIN - 1, false),
            (GZIP_LEN_MIN, true),
            (SMALL, true),
            (SMALL + 1, true),
            (3 * SMALL + 5, true),
            (GZIP_LEN_MAX, true),
            (GZIP_LEN_MAX + 1, false),
        ] {
            let content = text(len);
            fixture.write("a.txt", &content);
            let entry = fixture.get("/a.txt", &gzip());
            if is_made {
                assert!(decoded(&entry) == content, "{len}");
                assert!(Rc::ptr_eq(&entry, &fixture.get("/a.txt", &gzip())), "{len}");
                assert_eq!(entry.resource.media_type, "text/plain; charset=utf-8");
            } else {
                assert_plain(&entry, len);
            }
            assert_plain(&fixture.get("/a.txt", &EncodingPreferences::PLAIN), len);
            assert_plain(&fixture.get("/a.txt", &EncodingPreferences::new([Coding::Gzip], None)), len);
            assert_plain(
                &fixture
                    .get("/a.txt", &EncodingPreferences::new([Coding::Brotli, Coding::Zstd], gzip().tick)),
                len,
            );
        }
    }

    #[test]
    fn incompressible_file_is_tried_once_and_sent_plain() {
        let mut fixture = CacheFixture::new();
        for len in [5000, 3 * SMALL] {
            fixture.write("a.txt", noise(len));
            let entry = fixture.get("/a.txt", &gzip());
            assert_plain(&entry, len);
            // Same tick: no budget is left for a second attempt.
            fixture.write("b.txt", text(SMALL));
            fixture.next_tick();
            assert!(matches!(fixture.lookup("/b.txt", &gzip()), Lookup::File(_)));
            let Lookup::File(again) = fixture.lookup("/a.txt", &gzip()) else { panic!("it is tried again") };
            assert!(Rc::ptr_eq(&entry, &again));
        }
    }

    #[test]
    fn change_of_original_shows_at_next_lookup() {
        let mut fixture = CacheFixture::new();
        for content in [text(5000), text(5001), noise(5000), text(4 * SMALL), text(900), text(2 * SMALL + 1)]
        {
            fixture.write("a.txt", &content);
            for _ in 0..2 {
                let entry = fixture.get("/a.txt", &gzip());
                match entry.resource.is_generated() {
                    true => assert!(decoded(&entry) == content),
                    false => assert_plain(&entry, content.len() as u64),
                }
            }
        }
    }

    #[test]
    fn sidecar_is_preferred_to_generated_gzip_until_removed() {
        let mut fixture = CacheFixture::new();
        let content = text(5000);
        fixture.write("a.txt", &content);
        assert!(decoded(&fixture.get("/a.txt", &gzip())) == content);
        for name in ["a.txt.gz", "a.txt.br"] {
            fixture.wait_for_fs_clock();
            fixture.write(name, "twin");
            for _ in 0..2 {
                let entry = fixture.get("/a.txt", &gzip());
                assert_eq!((entry.resource.len, entry.resource.is_generated()), (4, false), "{name}");
            }
            fixture.wait_for_fs_clock();
            fs::remove_file(fixture.path(name)).expect("removes");
            assert!(decoded(&fixture.get("/a.txt", &gzip())) == content);
        }
    }

    #[test]
    fn long_file_is_compressed_in_slices_for_all_waiters() {
        let mut fixture = CacheFixture::new();
        let content = text(10 * SMALL);
        fixture.write("a.txt", &content);
        for tick in 1..10 {
            fixture.next_tick();
            for waiting in 0..50 {
                let found = fixture.lookup("/a.txt", &gzip());
                assert!(matches!(found, Lookup::Pending), "turn {tick}, waiting {waiting}");
            }
            // A request for the original does not wait.
            assert!(matches!(fixture.lookup("/a.txt", &EncodingPreferences::PLAIN), Lookup::File(_)));
        }
        fixture.next_tick();
        let found: Vec<_> = (0..50).map(|_| fixture.lookup("/a.txt", &gzip())).collect();
        let [Lookup::File(first), others @ ..] = &found[..] else { panic!("{:?}", found[0]) };
        assert!(decoded(first) == content);
        assert!(others.iter().all(|other| matches!(other, Lookup::File(entry) if Rc::ptr_eq(entry, first))));
    }

    #[test]
    fn tick_compresses_at_most_two_slices() {
        let mut fixture = CacheFixture::new();
        for number in 0..20 {
            fixture.write(&format!("{number}.txt"), text(SMALL / 2 + 1));
        }
        let mut ready = 0;
        for _ in 0..10 {
            fixture.next_tick();
            let looks: Vec<_> =
                (0..20).map(|number| fixture.lookup(&format!("/{number}.txt"), &gzip())).collect();
            let now_ready = looks.iter().filter(|found| matches!(found, Lookup::File(_))).count();
            assert_eq!(now_ready, ready + 2);
            ready = now_ready;
        }
    }

    #[test]
    fn file_beyond_gzip_job_limits_is_sent_plain() {
        let mut fixture = CacheFixture::new();
        let wait = |fixture: &mut CacheFixture, name: &str| match fixture.lookup(&format!("/{name}"), &gzip())
        {
            Lookup::Pending => true,
            Lookup::File(entry) => {
                !entry.resource.is_generated() && panic!("not {}", entry.resource.is_generated())
            }
        };
        let names: Vec<String> = (0..12).map(|number| format!("{number}.txt")).collect();
        for name in &names {
            fixture.write(name, text(4 * SMALL));
        }
        for _ in 0..2 {
            fixture.next_tick();
            for name in &names[..8] {
                assert!(wait(&mut fixture, name), "{name}");
            }
            for name in &names[8..] {
                let Lookup::File(entry) = fixture.lookup(&format!("/{name}"), &gzip()) else {
                    panic!("{name}")
                };
                assert_plain(&entry, 4 * SMALL);
            }
        }
        // The first two files are long and use the whole limit.
        let mut fixture = CacheFixture::new();
        for (name, len) in [("a.txt", GZIP_LEN_MAX), ("b.txt", GZIP_LEN_MAX), ("c.txt", SMALL + 1)] {
            fixture.write(name, text(len));
        }
        assert!(wait(&mut fixture, "a.txt") && wait(&mut fixture, "b.txt"));
        let Lookup::File(entry) = fixture.lookup("/c.txt", &gzip()) else { panic!("c") };
        assert_plain(&entry, SMALL + 1);
        // No request asks for them any more.
        fixture.next_tick();
        fixture.next_tick();
        fixture.write("d.txt", text(2000));
        for _ in 0..2 {
            fixture.get("/d.txt", &gzip());
            fixture.write("d.txt", text(2001));
        }
        assert!(decoded(&fixture.get("/c.txt", &gzip())) == text(SMALL + 1));
    }

    #[test]
    fn file_changed_during_gzip_is_never_mixed() {
        let mut fixture = CacheFixture::new();
        let (old, new) = (text(6 * SMALL), noise(2 * SMALL).repeat(3));
        let start = |fixture: &mut CacheFixture| {
            fixture.write("a.txt", &old);
            for _ in 0..3 {
                fixture.next_tick();
                assert!(matches!(fixture.lookup("/a.txt", &gzip()), Lookup::Pending));
            }
            fixture.wait_for_fs_clock();
        };
        // Overwritten: same inode, same length.
        start(&mut fixture);
        let mut file = File::options().write(true).open(fixture.path("a.txt")).expect("opens");
        file.write_all(&new).expect("writes");
        let entry = fixture.get("/a.txt", &gzip());
        assert!(if entry.resource.is_generated() {
            decoded(&entry) == new
        } else {
            entry.resource.len == old.len() as u64
        });
        // Replaced by another file.
        start(&mut fixture);
        fixture.write("b.txt", text(7 * SMALL));
        fs::rename(fixture.path("b.txt"), fixture.path("a.txt")).expect("replaces");
        assert!(decoded(&fixture.get("/a.txt", &gzip())) == text(7 * SMALL));
        // Truncated.
        start(&mut fixture);
        File::options()
            .write(true)
            .open(fixture.path("a.txt"))
            .and_then(|file| file.set_len(SMALL + 7))
            .expect("cuts");
        assert!(decoded(&fixture.get("/a.txt", &gzip())) == old[..SMALL as usize + 7]);
    }

    #[test]
    fn recently_changed_file_is_compressed_only_if_small() {
        let mut fixture = CacheFixture::new();
        fixture.now = SystemTime::UNIX_EPOCH;
        fixture.write("a.txt", text(SMALL));
        fixture.write("b.txt", text(SMALL + 1));
        for _ in 0..2 {
            assert!(decoded(&fixture.get("/a.txt", &gzip())) == text(SMALL));
            assert_plain(&fixture.get("/b.txt", &gzip()), SMALL + 1);
        }
    }

    #[test]
    fn embedded_page_uses_own_gzip_not_disk_sidecar() {
        let mut fixture = CacheFixture::new();
        fixture.write("server-code.html.gz", "of another build");
        let root = fixture.store.root.take().expect("a disk");
        for store in [ContentSource::default(), ContentSource::disk_with_source(root)] {
            fixture.store = store;
            fixture.cache = FileCache::new(CacheLimits::DEFAULT);
            let plain = fixture.get("/server-code.html", &EncodingPreferences::PLAIN);
            let Content::GzipPage(page) = plain.resource.content else { panic!("not built in") };
            // No generation, so the gzip is available with and without `tick`.
            let entry = fixture.get("/server-code.html", &EncodingPreferences::new([Coding::Gzip], None));
            assert!(Rc::ptr_eq(&entry, &fixture.get("/server-code.html", &gzip())), "it is kept");
            let resource = &entry.resource;
            assert_eq!((resource.coding, resource.is_generated()), (Some(Coding::Gzip), false));
            assert_ne!(resource.version, plain.resource.version);
            assert_eq!(resource.len, page.gzip.len() as u64);
            assert!(matches!(resource.content, Content::Static(gzip) if gzip == page.gzip));
            assert_plain(
                &fixture.get("/server-code.html", &EncodingPreferences::new([Coding::Brotli], gzip().tick)),
                page.len(),
            );
        }
    }

    #[test]
    fn generated_gzip_counts_against_cache_limits() {
        let mut fixture = CacheFixture::new();
        let bytes_max = 200_000;
        fixture.cache = FileCache::new(CacheLimits { bytes_max, ..CacheLimits::DEFAULT });
        for number in 0..20 {
            fixture.write(&format!("{number}.txt"), text(SMALL));
            let path = format!("/{number}.txt");
            assert!(decoded(&fixture.get(&path, &gzip())) == text(SMALL));
        }
        let mut kept = 0;
        for number in 0..20 {
            fixture.next_tick();
            // Another file uses the budget of the tick, so only existing variants are found.
            fixture.write("other.txt", text(SMALL));
            fixture.lookup("/other.txt", &gzip());
            kept +=
                usize::from(matches!(fixture.lookup(&format!("/{number}.txt"), &gzip()), Lookup::File(_)));
        }
        assert!(kept <= 2, "{kept} of {SMALL} bytes and more are kept in {bytes_max}");
    }

    #[test]
    fn gzip_without_cache_is_correct_each_time() {
        let mut fixture = CacheFixture::new();
        fixture.cache = FileCache::new(CacheLimits::NONE);
        for len in [2000, 3 * SMALL] {
            fixture.write("a.txt", text(len));
            for _ in 0..2 {
                assert!(decoded(&fixture.get("/a.txt", &gzip())) == text(len));
            }
        }
    }
}
