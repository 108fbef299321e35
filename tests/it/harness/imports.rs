//! The import graph of the sources: paths as they are written, and the files that they lead to.
//!
//! It reads `use` declarations, re-exports and paths that are written out. It does not know macros.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, code, is_test_only, without_tests};

pub(crate) type Path = Vec<String>;

/// All paths of more than one name in this code, with those in braces written out.
pub(crate) fn paths(code: &str) -> Vec<Path> {
    let tokens = tokens(code);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let begins = is_name(tokens[at]) && tokens.get(at + 1) == Some(&"::");
        if begins { tree(&tokens, &mut at, &Path::new(), &mut found) } else { at += 1 }
    }
    found
}

fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let name_len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let len = match name_len {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            len => len,
        };
        tokens.push(&rest[..len]);
        rest = rest[len..].trim_start();
    }
    tokens
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// One path or, behind `::{`, several.
fn tree(tokens: &[&str], at: &mut usize, prefix: &[String], found: &mut Vec<Path>) {
    let mut path = prefix.to_vec();
    while let Some(&token) = tokens.get(*at).filter(|token| is_name(token)) {
        path.push(token.to_owned());
        *at += 1;
        if tokens.get(*at) != Some(&"::") {
            break;
        }
        *at += 1;
        if tokens.get(*at) == Some(&"{") {
            *at += 1;
            while let Some(&token) = tokens.get(*at)
                && token != "}"
            {
                if is_name(token) { tree(tokens, at, &path, found) } else { *at += 1 }
            }
            *at += 1;
            return;
        }
    }
    found.push(path);
}

/// The names from the crate's root to the module of this file.
pub(crate) fn module(path: &str) -> Path {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// Which file imports which; files are named by their module path, such as `net::connection`.
pub(crate) struct ImportGraph {
    imports: BTreeMap<Path, BTreeSet<Path>>,
}

/// The modules of the crate, with the paths that each re-exports by name.
struct Modules {
    exports: BTreeMap<Path, BTreeMap<String, Path>>,
}

impl ImportGraph {
    /// The graph of the library's sources. A parent and the children that it declares count as one file.
    pub(crate) fn of(sources: &[Source]) -> Self {
        let is_library =
            |source: &&Source| source.path.starts_with("src/") && !source.path.starts_with("src/bin/");
        let library: Vec<(Path, String)> = sources
            .iter()
            .filter(is_library)
            .filter(|source| !is_test_only(&source.path))
            .map(|source| (module(&source.path), without_tests(&code(&source.text))))
            .collect();
        let mut modules = Modules { exports: BTreeMap::new() };
        for (module, _) in &library {
            modules.exports.entry(module.clone()).or_default();
        }
        for (module, code) in &library {
            let exported = re_exports(code).into_iter().filter_map(|path| {
                let name = path.last()?.clone();
                Some((name, modules.absolute(&path, module)?))
            });
            let exported: BTreeMap<String, Path> = exported.collect();
            modules.exports.insert(module.clone(), exported);
        }
        let imports = library.iter().map(|(module, code)| {
            let targets = paths(code).into_iter().filter_map(|path| {
                let absolute = modules.absolute(&path, module)?;
                modules.resolve(&absolute, 0)
            });
            let is_family = |target: &Path| target.starts_with(module) || module.starts_with(target);
            (module.clone(), targets.filter(|target| !is_family(target)).collect())
        });
        Self { imports: imports.collect() }
    }

    /// Every import, as (importing module, imported module).
    pub(crate) fn edges(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.imports.iter().flat_map(|(from, targets)| targets.iter().map(move |to| (from, to)))
    }

    /// The groups of files that import one another, directly or by way of others.
    pub(crate) fn circles(&self) -> Vec<BTreeSet<Path>> {
        let reached: BTreeMap<&Path, BTreeSet<&Path>> =
            self.imports.keys().map(|module| (module, self.reached_from(module))).collect();
        let circle = |module: &Path| -> BTreeSet<Path> {
            let others = reached[module]
                .iter()
                .filter(|other| reached.get(**other).is_some_and(|reached| reached.contains(module)));
            others.map(|other| (*other).clone()).collect()
        };
        let circles: BTreeSet<BTreeSet<Path>> = self.imports.keys().map(circle).collect();
        circles.into_iter().filter(|circle| circle.len() > 1).collect()
    }

    fn reached_from<'a>(&'a self, start: &'a Path) -> BTreeSet<&'a Path> {
        let (mut reached, mut left) = (BTreeSet::new(), vec![start]);
        while let Some(module) = left.pop() {
            for next in self.imports.get(module).into_iter().flatten() {
                if reached.insert(next) {
                    left.push(next);
                }
            }
        }
        reached
    }
}

impl Modules {
    /// The path from the crate's root, if it leads into the crate.
    fn absolute(&self, path: &[String], module: &[String]) -> Option<Path> {
        let ups = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&module[..0], &path[1..]),
            "self" => (module, &path[1..]),
            "super" => (&module[..module.len().checked_sub(ups)?], &path[ups..]),
            first => {
                let child = [module, &[first.to_owned()]].concat();
                self.exports.contains_key(&child).then_some((module, path))?
            }
        };
        Some([base, rest].concat())
    }

    /// The file that defines what this path names, re-exports followed.
    fn resolve(&self, path: &[String], depth: usize) -> Option<Path> {
        let len = (1..=path.len()).rev().find(|len| self.exports.contains_key(&path[..*len]))?;
        let exported = path.get(len).and_then(|name| self.exports[&path[..len]].get(name));
        match exported.filter(|target| depth < 8 && *target != path) {
            Some(target) => self.resolve(&[target.as_slice(), &path[len + 1..]].concat(), depth + 1),
            None => Some(path[..len].to_vec()),
        }
    }
}

/// The paths of `pub use` declarations.
fn re_exports(code: &str) -> Vec<Path> {
    let declarations = code.split(';').filter_map(|statement| {
        let (visibility, tree) = statement.split_once("use ")?;
        let line = visibility.rsplit('\n').next().unwrap_or_default().trim_start();
        line.starts_with("pub").then(|| format!("{tree};"))
    });
    declarations.flat_map(|tree| paths(&tree)).collect()
}
