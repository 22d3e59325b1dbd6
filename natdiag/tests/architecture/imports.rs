//! What one file says of modules, items and names of other files.
//!
//! Read are `use` declarations and paths in the code, in attributes and in what is given to macros. Not read is what
//! has no path: a method that another file gives to a type.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the many forms of Rust's grammar few matter here"
)]

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, ItemUse, Macro, Path, UseTree, Visibility,
    visit::{self, Visit},
};

/// The names of a path, from the left.
pub(crate) type Names = Vec<String>;

/// A module that is declared: in a file of its own, or here.
pub(crate) struct Declared {
    pub(crate) name: String,
    /// The file that `#[path]` names.
    pub(crate) path: Option<String>,
    pub(crate) items: Option<Vec<Item>>,
    /// Whether it is there for tests only.
    pub(crate) is_test: bool,
}

/// What the items of one module say.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) modules: Vec<Declared>,
    /// Names of what is defined here.
    pub(crate) items: Vec<String>,
    /// Imported names, and what they stand for.
    pub(crate) imports: Vec<(String, Names)>,
    /// Modules of which every name is imported.
    pub(crate) globs: Vec<Names>,
    /// Paths of imports that are no re-exports, and of the code.
    pub(crate) needs: Vec<Names>,
}

impl Said {
    /// Reads the items of a module. What is there for tests only is left out, but for modules in files.
    pub(crate) fn by(items: Vec<Item>) -> Self {
        let mut said = Self::default();
        for item in items {
            let is_test = is_for_tests(attributes(&item));
            match item {
                Item::Mod(module) => said.modules.push(Declared {
                    name: module.ident.to_string(),
                    path: module.attrs.iter().find_map(path_of),
                    items: module.content.map(|(_, items)| items),
                    is_test,
                }),
                _ if is_test => {}
                item => {
                    said.items.extend(name_of(&item));
                    said.visit_item(&item);
                }
            }
        }
        said
    }

    fn import(&mut self, tree: &UseTree, before: &[String], is_handed_on: bool) {
        let with = |name: &dyn ToString| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), is_handed_on),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, is_handed_on);
                }
            }
            UseTree::Glob(_) => {
                self.globs.push(before.to_vec());
                self.need(before.to_vec(), is_handed_on);
            }
            UseTree::Name(name) if name.ident == "self" => {
                self.import_as(before.last().cloned(), before.to_vec(), is_handed_on);
            }
            UseTree::Name(name) => {
                self.import_as(
                    Some(name.ident.to_string()),
                    with(&name.ident),
                    is_handed_on,
                );
            }
            UseTree::Rename(rename) => {
                let as_name = Some(rename.rename.to_string());
                self.import_as(as_name, with(&rename.ident), is_handed_on);
            }
        }
    }

    fn import_as(&mut self, name: Option<String>, path: Names, is_handed_on: bool) {
        self.imports.extend(name.map(|name| (name, path.clone())));
        self.need(path, is_handed_on);
    }

    fn need(&mut self, path: Names, is_handed_on: bool) {
        if !is_handed_on {
            self.needs.push(path);
        }
    }

    /// Reads paths out of what is given to a macro: names with two colons between them.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.take(&mut path);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(point) if point.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.take(&mut path);
                    self.read_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.take(&mut path),
            }
        }
        self.take(&mut path);
    }

    fn take(&mut self, path: &mut Names) {
        if !path.is_empty() {
            self.needs.push(std::mem::take(path));
        }
    }
}

impl<'ast> Visit<'ast> for Said {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_handed_on = !matches!(item.vis, Visibility::Inherited);
        self.import(&item.tree, &[], is_handed_on);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let names = path.segments.iter().map(|it| it.ident.to_string());
        self.needs.push(names.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.visit_path(&called.path);
        self.read_tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.read_tokens(list.tokens.clone());
        }
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// Whether what bears these attributes is compiled for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|of| attribute.path().is_ident("cfg") && of == "test")
    })
}

/// The file that an attribute names.
fn path_of(attribute: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(path),
            ..
        }) if pair.path.is_ident("path") => Some(path.value()),
        _ => None,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name by which others may call an item.
fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
