//! What counts as a need and what is a circle, shown on small sources.

use std::{fs, path::Path};

use crate::{graph::Graph, tree::Tree};

#[test]
fn two_neighbours_that_import_each_other_are_a_circle() {
    let circles = circles(&[
        ("lib.rs", "mod one; mod two;"),
        ("one.rs", "use crate::two::Two; pub struct One(Two);"),
        ("two.rs", "use super::one::One; pub struct Two(Box<One>);"),
    ]);
    assert_eq!(
        circles,
        [
            "a circle of 2 modules:\n  one -> two:\n    one.rs needs two.rs by `crate::two::Two`\n  \
             two -> one:\n    two.rs needs one.rs by `super::one::One`"
        ]
    );
}

#[test]
fn a_circle_goes_by_paths_in_code_in_macros_and_in_attributes_as_well() {
    for code in [
        "pub fn two() { crate::one::one() }",
        "pub fn two() { println!(\"{}\", crate::one::one()) }",
        "#[cfg_attr(all(), derive(crate::one::One))] pub struct Two;",
        "use super::one; pub fn two() { one::one() }",
        "use super::*; pub fn two() { one::one() }",
    ] {
        let one = "pub fn one() { crate::two::two() }";
        let circles = circles(&[
            ("lib.rs", "mod one; mod two;"),
            ("one.rs", one),
            ("two.rs", code),
        ]);
        assert_eq!(circles.len(), 1, "{code}");
    }
}

#[test]
fn a_circle_by_way_of_a_re_export_leads_to_the_file_that_defines_the_name() {
    let circles = circles(&[
        ("lib.rs", "mod house; mod street;"),
        ("house.rs", "mod room; pub use self::room::Room;"),
        (
            "house/room.rs",
            "use crate::street::Street; pub struct Room(Street);",
        ),
        (
            "street.rs",
            "use crate::house::Room; pub struct Street(Box<Room>);",
        ),
    ]);
    assert_eq!(circles.len(), 1);
    assert!(circles[0].contains("street.rs needs house/room.rs by `crate::house::Room`"));
}

#[test]
fn rooms_of_two_houses_make_a_circle_of_houses() {
    let circles = circles(&[
        ("lib.rs", "mod one; mod two;"),
        ("one.rs", "mod a; mod b;"),
        ("one/a.rs", "use crate::two::c::C; pub struct A(C);"),
        ("one/b.rs", "pub struct B;"),
        ("two.rs", "pub mod c; pub mod d;"),
        ("two/c.rs", "pub struct C;"),
        ("two/d.rs", "use crate::one::b::B; pub struct D(B);"),
    ]);
    assert_eq!(circles.len(), 1);
}

#[test]
fn a_module_and_what_lies_under_it_are_one_house() {
    let circles = circles(&[
        ("lib.rs", "mod house;"),
        (
            "house.rs",
            "mod room; use self::room::Room; pub struct Wall; pub struct House(Room);",
        ),
        ("house/room.rs", "use super::Wall; pub struct Room(Wall);"),
    ]);
    assert_eq!(circles, Vec::<String>::new());
}

#[test]
fn what_tests_import_is_no_need() {
    let circles = circles(&[
        ("lib.rs", "mod one; mod two;"),
        ("one.rs", "#[cfg(test)] mod tests; pub struct One;"),
        ("one/tests.rs", "use crate::two::Two;"),
        (
            "two.rs",
            "use crate::one::One; pub struct Two(One); #[cfg(test)] mod tests { use crate::one::One; }",
        ),
    ]);
    assert_eq!(circles, Vec::<String>::new());
}

/// The circles of a library with these files.
fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let tree = Tree::read(folder.path(), &[("example", "lib.rs")]);
    let files_read = tree.files();
    assert!(
        files
            .iter()
            .all(|(name, _)| files_read.contains(Path::new(name)))
    );
    Graph::of(&tree).circles()
}
