//! The modules of every program and library, and which file a path leads to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::imports::{Declared, Names, Said};

/// How many re-exports are followed one after the other.
const MOST_RE_EXPORTS: usize = 16;

/// A place in [`Tree::modules`].
type Place = usize;

/// One module.
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    /// Paths that its code goes.
    pub(crate) needs: Vec<Names>,
    root: Place,
    parent: Option<Place>,
    children: BTreeMap<String, Place>,
    items: BTreeSet<String>,
    imports: BTreeMap<String, Names>,
    globs: Vec<Names>,
}

/// All modules.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) modules: Vec<Module>,
    libraries: BTreeMap<String, Place>,
    /// Files of modules that are there for tests only.
    of_tests: BTreeSet<PathBuf>,
}

/// Where a path ends.
#[derive(Clone, Copy)]
enum End {
    Module(Place),
    /// An item of it.
    Item(Place),
}

impl Tree {
    /// Reads what begins at these roots: names of libraries (none for a program) and files below `checkout`.
    pub(crate) fn read(checkout: &Path, roots: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (name, file) in roots {
            let root = tree.modules.len();
            let folder = Path::new(file).parent().unwrap();
            tree.read_file(checkout, Path::new(file), folder, (root, None));
            tree.libraries.insert((*name).to_owned(), root);
        }
        tree
    }

    /// Every file that was read, and those of tests.
    pub(crate) fn files(&self) -> BTreeSet<&Path> {
        let files = self.modules.iter().map(|module| &module.file);
        files.chain(&self.of_tests).map(PathBuf::as_path).collect()
    }

    fn read_file(
        &mut self,
        checkout: &Path,
        file: &Path,
        folder: &Path,
        (root, parent): (Place, Option<Place>),
    ) -> Place {
        let said = Said::by(parse(&checkout.join(file)));
        self.add(checkout, file, folder, (root, parent), said)
    }

    fn add(
        &mut self,
        checkout: &Path,
        file: &Path,
        folder: &Path,
        (root, parent): (Place, Option<Place>),
        said: Said,
    ) -> Place {
        let place = self.modules.len();
        self.modules.push(Module {
            file: file.to_owned(),
            needs: said.needs,
            root,
            parent,
            children: BTreeMap::new(),
            items: said.items.into_iter().collect(),
            imports: said.imports.into_iter().collect(),
            globs: said.globs,
        });
        for declared in said.modules {
            let within = folder.join(&declared.name);
            if declared.is_test {
                self.read_tests(checkout, folder, declared);
                continue;
            }
            let above = (root, Some(place));
            let child = if let Some(items) = declared.items {
                self.add(checkout, file, &within, above, Said::by(items))
            } else {
                let file = file_of(file, folder, &declared);
                self.read_file(checkout, &file, &within, above)
            };
            self.modules[place].children.insert(declared.name, child);
        }
        place
    }

    /// Notes the files of a module for tests, and of those below it.
    fn read_tests(&mut self, checkout: &Path, folder: &Path, declared: Declared) {
        let within = folder.join(&declared.name);
        let items = declared.items.unwrap_or_else(|| {
            let file = folder.join(format!("{}.rs", declared.name));
            let items = parse(&checkout.join(&file));
            self.of_tests.insert(file);
            items
        });
        for declared in Said::by(items).modules {
            self.read_tests(checkout, &within, declared);
        }
    }

    /// The file that a path leads to from a module. `None` is another package's.
    pub(crate) fn file(&self, from: &Module, path: &[String]) -> Option<&Path> {
        let place = self.modules.iter().position(|it| std::ptr::eq(it, from))?;
        let (End::Module(end) | End::Item(end)) = self.follow(place, path, MOST_RE_EXPORTS)?;
        Some(&self.modules[end].file)
    }

    fn follow(&self, from: Place, path: &[String], left: usize) -> Option<End> {
        let (first, rest) = path.split_first()?;
        let module = &self.modules[from];
        let mut end = match first.as_str() {
            "crate" => End::Module(module.root),
            "self" => End::Module(from),
            "super" => End::Module(module.parent?),
            name => self.find(from, name, left).or_else(|| {
                let library = self.libraries.get(name)?;
                Some(End::Module(*library))
            })?,
        };
        for name in rest {
            let End::Module(place) = end else { break };
            end = match name.as_str() {
                "super" => End::Module(self.modules[place].parent?),
                // What a macro makes is found in no list.
                name => self.find(place, name, left).unwrap_or(End::Item(place)),
            };
        }
        Some(end)
    }

    /// What a name stands for in a module.
    fn find(&self, place: Place, name: &str, left: usize) -> Option<End> {
        let left = left.checked_sub(1)?;
        let module = &self.modules[place];
        if let Some(child) = module.children.get(name) {
            return Some(End::Module(*child));
        }
        if module.items.contains(name) {
            return Some(End::Item(place));
        }
        if let Some(path) = module.imports.get(name) {
            return self.follow(place, path, left);
        }
        module.globs.iter().find_map(|path| {
            let End::Module(opened) = self.follow(place, path, left)? else {
                return None;
            };
            self.find(opened, name, left)
        })
    }
}

/// The file of a module that is declared in another.
fn file_of(parent: &Path, folder: &Path, declared: &Declared) -> PathBuf {
    let Some(path) = &declared.path else {
        return folder.join(format!("{}.rs", declared.name));
    };
    let mut file = parent.parent().unwrap().to_owned();
    for part in Path::new(path) {
        if part == ".." {
            file.pop();
        } else {
            file.push(part);
        }
    }
    file
}

fn parse(file: &Path) -> Vec<syn::Item> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed =
        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    parsed.items
}
