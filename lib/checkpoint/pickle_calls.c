/* SPDX-License-Identifier: MIT */
/*
 * The opcodes that name globals and call them. Nothing is looked up, imported or called: a call becomes a note of what
 * would have been called. The words of pickle_globals.c are understood; those of anybody else, from argparse.Namespace
 * to os.system, name opaque values.
 */
#include "checkpoint/unpickler.h"

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include <string.h>

enum { LOOKUP_WORK = 512 /* the table of globals is walked */ };

/* Names are shown to people: UTF-8 without control characters, as every pickler writes them. */
static bool is_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return rn_bytes_are_text(text, length);
}

/* "__torch__" and what begins with "__torch__." hold the classes of a TorchScript program. */
static bool is_script(const char *module, size_t length)
{
    static const char script[] = "__torch__";
    const size_t least = sizeof script - 1;

    return length >= least && memcmp(module, script, least) == 0 && (length == least || module[least] == '.');
}

static rn_status push_stranger(rn_unpickler *u, const char *module, size_t module_length, const char *name,
                               size_t name_length)
{
    void *memory;

    if (!is_name(module, module_length) || !is_name(name, name_length))
        return rn_unpickler_damaged(u, "the name of a global is not text");
    rn_status status = rn_unpickler_work(u, module_length + name_length);
    if (status == RN_OK)
        status = rn_unpickler_allocate(&memory, u, sizeof(rn_pickle_global) + module_length + name_length + 2);
    if (status != RN_OK)
        return status;
    rn_pickle_global *global = memory;
    char *module_copy = (char *)(global + 1), *name_copy = module_copy + module_length + 1;
    memcpy(module_copy, module, module_length);
    memcpy(name_copy, name, name_length);
    module_copy[module_length] = name_copy[name_length] = '\0';
    *global = (rn_pickle_global){ .module = module_copy,
                                  .name = name_copy,
                                  .kind = is_script(module, module_length) ? RN_GLOBAL_SCRIPT : RN_GLOBAL_STRANGER };
    return rn_unpickler_push(u, (rn_pickle_value){ .type = RN_PICKLE_GLOBAL, .as.global = global });
}

static rn_status push_global(rn_unpickler *u, const char *module, size_t module_length, const char *name,
                             size_t name_length)
{
    const rn_pickle_global *global = rn_pickle_global_find(module, module_length, name, name_length);
    rn_status status = rn_unpickler_work(u, LOOKUP_WORK);

    if (status != RN_OK)
        return status;
    if (global == NULL)
        return push_stranger(u, module, module_length, name, name_length);
    return rn_unpickler_push(u, (rn_pickle_value){ .type = RN_PICKLE_GLOBAL, .as.global = global });
}

/* Two lines. */
static rn_status named_global(rn_unpickler *u)
{
    const unsigned char *module = NULL, *name = NULL;
    size_t module_length = 0, name_length = 0;
    rn_status status = rn_unpickler_take_line(&module, &module_length, u);

    if (status == RN_OK)
        status = rn_unpickler_take_line(&name, &name_length, u);
    if (status != RN_OK)
        return status;
    return push_global(u, (const char *)module, module_length, (const char *)name, name_length);
}

rn_status rn_op_global(rn_unpickler *u, int32_t unused)
{
    (void)unused;
    return named_global(u);
}

rn_status rn_op_stack_global(rn_unpickler *u, int32_t unused)
{
    const rn_pickle_value *names = rn_unpickler_pop(u, 2);

    (void)unused;
    if (names == NULL || names[0].type != RN_PICKLE_TEXT || names[1].type != RN_PICKLE_TEXT ||
        names[0].length > RN_UNPICKLER_LINE || names[1].length > RN_UNPICKLER_LINE)
        return rn_unpickler_damaged(u, "a global has no name");
    return push_global(u, names[0].as.text, names[0].length, names[1].as.text, names[1].length);
}

/* OrderedDict(), OrderedDict([(key, value), ...]), Counter({...}), defaultdict(type): a dictionary of what is given. */
static rn_status push_dictionary(rn_unpickler *u, const rn_pickle_items *arguments)
{
    const rn_pickle_value *last = arguments->count == 0 ? NULL : &arguments->value[arguments->count - 1];
    rn_pickle_value made;
    rn_status status = rn_unpickler_make(&made, u, RN_PICKLE_DICTIONARY, NULL, 0);

    if (status == RN_OK && last != NULL && last->type == RN_PICKLE_DICTIONARY)
        status = rn_unpickler_append(u, made.as.items, last->as.items->value, last->as.items->count);
    if (status == RN_OK && last != NULL && rn_pickle_sequence(last) != NULL) {
        const rn_pickle_items *pairs = rn_pickle_sequence(last);

        for (size_t i = 0; i < pairs->count && status == RN_OK; i++) {
            const rn_pickle_items *pair = rn_pickle_sequence(&pairs->value[i]);

            if (pair == NULL || pair->count != 2)
                return rn_unpickler_damaged(u, "a dictionary is made of something else than pairs");
            status = rn_unpickler_append(u, made.as.items, pair->value, 2);
        }
    }
    return status == RN_OK ? rn_unpickler_push(u, made) : status;
}

/*
 * What may be called: a global, or what an opaque call gave (a class inside a class comes from getattr, one with
 * keyword arguments from functools.partial), which stays as unknown as it was. NULL: nothing of the kind.
 */
static const rn_pickle_global *callee(const rn_pickle_value *function)
{
    return function->type == RN_PICKLE_GLOBAL ? function->as.global : rn_pickle_opaque(function);
}

/* Function and tuple of arguments become a value that says so. */
static rn_status push_call(rn_unpickler *u, const rn_pickle_global *function, rn_pickle_items *arguments)
{
    void *memory;

    if (function->kind == RN_GLOBAL_DICTIONARY)
        return push_dictionary(u, arguments);
    rn_status status = rn_unpickler_allocate(&memory, u, sizeof(rn_pickle_call));
    if (status != RN_OK)
        return status;
    rn_pickle_call *call = memory;
    *call = (rn_pickle_call){ .function = function, .arguments = arguments };
    return rn_unpickler_push(u, (rn_pickle_value){ .type = RN_PICKLE_CALL, .as.call = call });
}

/* Function and arguments; a third operand, keyword arguments, is of no meaning to any call that we know. */
rn_status rn_op_call(rn_unpickler *u, int32_t operands)
{
    const rn_pickle_value *values = rn_unpickler_pop(u, (size_t)operands);
    const rn_pickle_global *function = values == NULL ? NULL : callee(&values[0]);

    if (function == NULL || values[1].type != RN_PICKLE_TUPLE)
        return rn_unpickler_damaged(u, "a call of something that is no function, or without arguments");
    return push_call(u, function, values[1].as.items);
}

/* What Python 2 wrote of its old classes: a mark, the class, the arguments. */
rn_status rn_op_object(rn_unpickler *u, int32_t unused)
{
    size_t count = 0;
    const rn_pickle_value *values = rn_unpickler_pop_mark(u, &count);
    const rn_pickle_global *function = values == NULL || count == 0 ? NULL : callee(&values[0]);
    rn_pickle_value arguments;

    (void)unused;
    if (function == NULL)
        return rn_unpickler_damaged(u, "an object without a class");
    rn_status status = rn_unpickler_make(&arguments, u, RN_PICKLE_TUPLE, values + 1, count - 1);
    return status == RN_OK ? push_call(u, function, arguments.as.items) : status;
}

/* The same with the class in the opcode. */
rn_status rn_op_instance(rn_unpickler *u, int32_t unused)
{
    size_t count = 0;
    const rn_pickle_value *values = rn_unpickler_pop_mark(u, &count);
    rn_pickle_value arguments;

    (void)unused;
    if (values == NULL)
        return rn_unpickler_damaged(u, "an object without a beginning");
    rn_status status = rn_unpickler_make(&arguments, u, RN_PICKLE_TUPLE, values, count);
    if (status == RN_OK)
        status = named_global(u);
    if (status != RN_OK)
        return status;
    return push_call(u, rn_unpickler_pop(u, 1)->as.global, arguments.as.items);
}

/* The state of an object. Attributes of a dictionary (state_dict's _metadata) hold no tensors of it and are dropped. */
rn_status rn_op_build(rn_unpickler *u, int32_t unused)
{
    const rn_pickle_value *state = rn_unpickler_pop(u, 1);

    (void)unused;
    if (state == NULL || rn_unpickler_available(u) == 0)
        return rn_unpickler_damaged(u, "the stack is empty");
    const rn_pickle_value *object = &u->stack[u->count - 1];
    if (object->type == RN_PICKLE_CALL)
        object->as.call->state = *state;
    else if (object->type != RN_PICKLE_DICTIONARY && rn_pickle_opaque(object) == NULL)
        return rn_unpickler_damaged(u, "a state for something that has none");
    return RN_OK;
}

/* ('module', class, file, source): how torch.save before 1.6 named the class of a module. NULL: something else. */
static const rn_pickle_value *class_of_module(const rn_pickle_value *id)
{
    const rn_pickle_items *items = id->type == RN_PICKLE_TUPLE ? id->as.items : NULL;

    if (items == NULL || items->count < 2 || !rn_pickle_is_text(&items->value[0], "module") ||
        callee(&items->value[1]) == NULL)
        return NULL;
    return &items->value[1];
}

rn_status rn_op_persistent(rn_unpickler *u, int32_t unused)
{
    const rn_pickle_value *id = rn_unpickler_pop(u, 1);

    (void)unused;
    if (id == NULL)
        return rn_unpickler_damaged(u, "the stack is empty");
    const rn_pickle_value copy = *id;
    if (class_of_module(&copy) != NULL)
        return rn_unpickler_push(u, *class_of_module(&copy));
    rn_status status = rn_unpickler_push_made(u, RN_PICKLE_PERSISTENT, &copy, 1);
    return status == RN_OK ? rn_unpickler_append(u, &u->pickle->persistent, &copy, 1) : status;
}
