//! Builds again when the linker has changed.

fn main() {
    println!("cargo::rerun-if-changed=src");
    // Else zeroing takes a call that writes octet by octet, which the verifier follows octet by octet.
    println!("cargo::rustc-link-arg-bins=--disable-expand-memcpy-in-order");
    if let Ok(linker) = which::which("bpf-linker") {
        println!("cargo::rerun-if-changed={}", linker.display());
    }
}
