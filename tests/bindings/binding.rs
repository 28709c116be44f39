// SPDX-License-Identifier: MIT
// Rust: declarations by hand (bindgen makes the same of resnet.h), a handle that lets go by itself.
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::ptr::null_mut;

#[link(name = "resnet")]
extern "C" {
    fn rn_context_create(context: *mut *mut c_void, options: *const c_void) -> c_int;
    fn rn_context_message(context: *const c_void) -> *const c_char;
    fn rn_context_destroy(context: *mut c_void);
    fn rn_model_create(model: *mut *mut c_void, context: *mut c_void, name: *const c_char, options: *const c_void) -> c_int;
    fn rn_model_layer_count(model: *const c_void) -> usize;
    fn rn_model_layer_name(model: *const c_void, index: usize) -> *const c_char;
    fn rn_model_destroy(model: *mut c_void);
}

struct Context(*mut c_void);

impl Drop for Context {
    fn drop(&mut self) {
        unsafe { rn_context_destroy(self.0) }
    }
}

fn main() {
    let mut context = Context(null_mut());
    let mut model = null_mut();
    let name = CString::new("cifar_resnet20").unwrap();
    unsafe {
        assert_eq!(rn_context_create(&mut context.0, null_mut()), 0);
        if rn_model_create(&mut model, context.0, name.as_ptr(), null_mut()) != 0 {
            panic!("{:?}", CStr::from_ptr(rn_context_message(context.0)));
        }
        let last = rn_model_layer_name(model, rn_model_layer_count(model) - 1);
        println!("{} layers, the last is {}", rn_model_layer_count(model), CStr::from_ptr(last).to_str().unwrap());
        rn_model_destroy(model);
    }
}
