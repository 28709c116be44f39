// SPDX-License-Identifier: MIT
// Go by cgo. A context serves one goroutine at a time: lock it to what uses it.
package main

// #include <resnet/resnet.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

func main() {
	var context *C.rn_context
	var model *C.rn_model
	name := C.CString("cifar_resnet20")
	defer C.free(unsafe.Pointer(name))
	if C.rn_context_create(&context, nil) != C.RN_OK {
		os.Exit(1)
	}
	defer C.rn_context_destroy(context)
	if C.rn_model_create(&model, context, name, nil) != C.RN_OK {
		fmt.Println(C.GoString(C.rn_context_message(context)))
		os.Exit(1)
	}
	defer C.rn_model_destroy(model)
	fmt.Println(C.GoString(C.rn_model_name(model)), int(C.rn_model_class_count(model)), "classes")
}
