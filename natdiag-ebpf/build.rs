//! Builds again when the linker has changed.

fn main() {
    println!("cargo::rerun-if-changed=src");
    if let Ok(linker) = which::which("bpf-linker") {
        println!("cargo::rerun-if-changed={}", linker.display());
    }
}
