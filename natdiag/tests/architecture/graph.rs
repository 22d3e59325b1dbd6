//! Which file needs which, and where they need each other in a circle.
//!
//! A file needs another when one of its paths leads there: an import, or a path in its code. A path leads to the file
//! that defines what it names, and a re-export on the way is followed to where it leads. So neither `mod x;` nor `pub
//! use x::Y;` is a need of the file that it stands in. A path that ends at a module leads to the file of that module.
//! What is there for tests only does not count.
//!
//! A module is one house with all that lies under it: it puts its parts together, and they take from it what they
//! share. Between a module and what lies under it there is no circle. But of the modules that stand side by side, each
//! taken with all that lies under it, none may need itself by way of others. Any other circle of files is one of these
//! as well.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{lies_in, tree::Tree};

/// Which file needs which.
pub(crate) struct Graph {
    /// Of each file, those that it needs, and by which path first.
    needs: BTreeMap<PathBuf, BTreeMap<PathBuf, String>>,
    /// Of each file, what it names of other packages.
    foreign: BTreeMap<PathBuf, BTreeSet<String>>,
}

impl Graph {
    /// Follows every path of every file.
    pub(crate) fn of(tree: &Tree) -> Self {
        let mut graph = Self {
            needs: BTreeMap::new(),
            foreign: BTreeMap::new(),
        };
        for module in &tree.modules {
            let needs = graph.needs.entry(module.file.clone()).or_default();
            let foreign = graph.foreign.entry(module.file.clone()).or_default();
            for path in &module.needs {
                let name = path.join("::");
                match tree.file(module, path) {
                    Some(file) if file != module.file => {
                        needs.entry(file.to_owned()).or_insert(name);
                    }
                    Some(_) => {}
                    None => {
                        foreign.insert(name);
                    }
                }
            }
        }
        graph
    }

    /// Each group of modules that stand side by side and all need each other, in words.
    pub(crate) fn circles(&self) -> Vec<String> {
        let sides = self.sides();
        let reached: BTreeMap<&Path, BTreeSet<&Path>> = sides
            .keys()
            .map(|module| (module.as_path(), reached_from(module, &sides)))
            .collect();
        let mut told = BTreeSet::new();
        let mut circles = Vec::new();
        for (module, ahead) in &reached {
            if !ahead.contains(module) || told.contains(module) {
                continue;
            }
            let is_back = |other: &Path| reached.get(other).is_some_and(|it| it.contains(module));
            let circle: BTreeSet<&Path> = ahead.iter().copied().filter(|it| is_back(it)).collect();
            circles.push(tell(&circle, &sides));
            told.extend(circle);
        }
        circles
    }

    /// Of each module those beside it that it needs, and by which files. Two files belong to the modules at which their
    /// paths part; where one lies under the other they belong to none.
    fn sides(&self) -> BTreeMap<PathBuf, BTreeMap<PathBuf, Vec<String>>> {
        let mut sides: BTreeMap<PathBuf, BTreeMap<PathBuf, Vec<String>>> = BTreeMap::new();
        for (file, needs) in &self.needs {
            for (needed, by) in needs {
                let (from, to) = (module_of(file), module_of(needed));
                let mut parts = from.components().zip(to.components());
                let Some(shared) = parts.position(|(one, other)| one != other) else {
                    continue;
                };
                let beside = |path: &Path| path.components().take(shared + 1).collect::<PathBuf>();
                let (file, needed) = (file.display(), needed.display());
                let why = format!("{file} needs {needed} by `{by}`");
                let needs = sides.entry(beside(&from)).or_default();
                needs.entry(beside(&to)).or_default().push(why);
            }
        }
        sides
    }

    /// One way to each file that those of a module need, from where it begins to the file. Theirs are among them.
    pub(crate) fn needed_by(&self, module: &Path) -> Vec<Vec<&Path>> {
        let module = module.to_str().unwrap();
        let mut ways: Vec<Vec<&Path>> = self
            .needs
            .keys()
            .filter(|file| lies_in(file, module))
            .map(|file| vec![file.as_path()])
            .collect();
        let mut known: BTreeSet<&Path> = ways.iter().flatten().copied().collect();
        let mut next = 0;
        while let Some(way) = ways.get(next).cloned() {
            next += 1;
            for needed in self.needs[*way.last().unwrap()].keys() {
                if known.insert(needed) {
                    ways.push([way.as_slice(), &[needed.as_path()]].concat());
                }
            }
        }
        ways
    }

    /// Whether a file names something of another package's module.
    pub(crate) fn names(&self, file: &Path, module: &str) -> bool {
        self.foreign[file].iter().any(|path| {
            path.strip_prefix(module)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        })
    }
}

/// The module that a file is: where it has a folder of its own, that folder.
fn module_of(file: &Path) -> PathBuf {
    let is_root = ["main.rs", "lib.rs"]
        .iter()
        .any(|name| file.ends_with(name));
    if is_root {
        file.parent().unwrap().to_owned()
    } else {
        file.with_extension("")
    }
}

/// Modules that a module needs, be it by way of others: itself only in a circle.
fn reached_from<'a, T>(
    module: &Path,
    sides: &'a BTreeMap<PathBuf, BTreeMap<PathBuf, T>>,
) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![module];
    while let Some(next) = ahead.pop() {
        for needed in sides.get(next).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(needed.as_path()) {
                ahead.push(needed);
            }
        }
    }
    reached
}

fn tell(
    circle: &BTreeSet<&Path>,
    sides: &BTreeMap<PathBuf, BTreeMap<PathBuf, Vec<String>>>,
) -> String {
    let mut lines = vec![format!("a circle of {} modules:", circle.len())];
    for module in circle {
        for (needed, by) in &sides[*module] {
            if circle.contains(needed.as_path()) {
                lines.push(format!("  {} -> {}:", module.display(), needed.display()));
                lines.extend(by.iter().map(|why| format!("    {why}")));
            }
        }
    }
    lines.join("\n")
}
