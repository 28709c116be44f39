/* SPDX-License-Identifier: MIT */
/* Each opcode by a pickle of a few bytes, and what it must not accept. */
#include "checkpoint/expect.h"

#include "checkpoint/pickle.h"

static rn_message message;

static rn_status read_bytes(rn_pickle *pickle, const char *bytes, size_t nbytes)
{
    static rn_allocator allocator;
    static rn_budget budget;

    allocator = rn_default_allocator();
    rn_budget_init(&budget, &allocator, nbytes);
    return rn_pickle_read(pickle, &budget, "file", (const unsigned char *)bytes, nbytes, &message);
}

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *bytes;
    size_t nbytes;
    const char *text;
} simple_values[] = {
    { BYTES("\x80\2K\xff."), "255" },
    { BYTES("M\xff\xff."), "65535" },
    { BYTES("J\xff\xff\xff\xff."), "-1" },
    { BYTES("I-1099511627776\n."), "-1099511627776" },
    { BYTES("I01\n."), "true" },
    { BYTES("I1\n."), "1" },
    { BYTES("I-999999999999999999\n."), "-999999999999999999" },
    { BYTES("I1111111111111111111\n."), "1111111111111111111" },
    { BYTES("L5L\n."), "5" },
    { BYTES("L-5\n."), "-5" },
    { BYTES("L00L\n."), "0" },
    { BYTES("L-340282366920938463463374607431768211456L\n."), "-340282366920938463463374607431768211456" },
    { BYTES("\x8a\0."), "0" },
    { BYTES("\x8a\2\0\xff."), "-256" },
    { BYTES("\x8b\1\0\0\0\x7f."), "127" },
    { BYTES("G\x3f\xf8\0\0\0\0\0\0."), "1.5" },
    { BYTES("\x88."), "true" },
    { BYTES("\x89."), "false" },
    { BYTES("U\2ab."), "ab" },
    { BYTES("T\2\0\0\0ab."), "ab" },
    { BYTES("X\2\0\0\0ab."), "ab" },
    { BYTES("\x8c\2ab."), "ab" },
    { BYTES("\x8d\2\0\0\0\0\0\0\0ab."), "ab" },
    { BYTES("\x95\1\0\0\0\0\0\0\0K\1."), "1" },
    { BYTES("K\1K\2"
            "0."),
      "1" }, /* POP */
    { BYTES("K\1(K\2K\3"
            "1."),
      "1" }, /* POP_MARK */
    { BYTES("K\1("
            "0."),
      "1" }, /* POP of a mark */
    { BYTES("K\5q\0"
            "0h\0."),
      "5" },
    { BYTES("K\5r\0\0\0\0"
            "0j\0\0\0\0."),
      "5" },
    { BYTES("K\5\x94"
            "0h\0."),
      "5" },
};

static void simple_values_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof simple_values / sizeof simple_values[0]; i++) {
        rn_pickle pickle;
        char text[64];

        if (read_bytes(&pickle, simple_values[i].bytes, simple_values[i].nbytes) != RN_OK)
            fail_msg("case %zu: %s", i, message.text);
        assert_int_equal(pickle.consumed, simple_values[i].nbytes);
        assert_true(rn_pickle_print(text, sizeof text, &pickle.root));
        assert_string_equal(text, simple_values[i].text);
        rn_pickle_release(&pickle);
    }
}

static void containers_are_built(void **state)
{
    static const struct {
        const char *bytes;
        size_t nbytes;
        rn_pickle_type type;
        size_t count;
    } cases[] = {
        { BYTES(")."), RN_PICKLE_TUPLE, 0 },
        { BYTES("(t."), RN_PICKLE_TUPLE, 0 },
        { BYTES("K\1\x85."), RN_PICKLE_TUPLE, 1 },
        { BYTES("K\1K\2\x86."), RN_PICKLE_TUPLE, 2 },
        { BYTES("K\1"
                "22\x87."),
          RN_PICKLE_TUPLE, 3 }, /* DUP */
        { BYTES("]K\1aK\2a."), RN_PICKLE_LIST, 2 },
        { BYTES("](K\1K\2e."), RN_PICKLE_LIST, 2 },
        { BYTES("(K\1l."), RN_PICKLE_LIST, 1 },
        { BYTES("}K\1Ns."), RN_PICKLE_DICTIONARY, 2 },
        { BYTES("}(K\1NK\2Nu."), RN_PICKLE_DICTIONARY, 4 },
        { BYTES("(K\1Nd."), RN_PICKLE_DICTIONARY, 2 },
        { BYTES("\x8f(K\1\x90."), RN_PICKLE_SET, 1 },
        { BYTES("(K\1\x91."), RN_PICKLE_SET, 1 },
        { BYTES("ccollections\nOrderedDict\n)R(K\1Nu."), RN_PICKLE_DICTIONARY, 2 },
        { BYTES("ccollections\nOrderedDict\n(](K\1NlatR."), RN_PICKLE_DICTIONARY, 2 },
        { BYTES("ccollections\nOrderedDict\n)\x81}b."), RN_PICKLE_DICTIONARY, 0 }, /* NEWOBJ, BUILD */
        { BYTES("\x8c\13collections\x8c\13OrderedDict\x93)R."), RN_PICKLE_DICTIONARY, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_pickle pickle;

        if (read_bytes(&pickle, cases[i].bytes, cases[i].nbytes) != RN_OK)
            fail_msg("case %zu: %s", i, message.text);
        assert_int_equal(pickle.root.type, cases[i].type);
        if (pickle.root.as.items->count != cases[i].count)
            fail_msg("case %zu has %zu items", i, pickle.root.as.items->count);
        rn_pickle_release(&pickle);
    }
}

static void calls_are_recorded_not_made(void **state)
{
    rn_pickle pickle;

    (void)state;
    assert_int_equal(read_bytes(&pickle, BYTES("cnumpy\ndtype\nU\2f8\x85RK\7b.")), RN_OK);
    assert_int_equal(pickle.root.type, RN_PICKLE_CALL);
    assert_string_equal(pickle.root.as.call->function->name, "dtype");
    assert_true(rn_pickle_is_text(&pickle.root.as.call->arguments->value[0], "f8"));
    assert_int_equal(pickle.root.as.call->state.as.integer, 7);
    rn_pickle_release(&pickle);
    assert_int_equal(read_bytes(&pickle, BYTES("K\1QK\2Q\x86.")), RN_OK);
    assert_int_equal(pickle.persistent.count, 2);
    assert_int_equal(pickle.persistent.value[1].as.integer, 2);
    rn_pickle_release(&pickle);
}

/* Whatever is done to an object that nobody knows, it stays what it is. */
static void opaque_values_swallow(void **state)
{
    static const struct {
        const char *bytes;
        size_t nbytes;
    } cases[] = {
        { BYTES("ca\nb\n)R.") },
        { BYTES("ca\nb\n)\x81.") },
        { BYTES("ca\nb\n)}\x92.") },
        { BYTES("(ca\nb\nK\1o.") },
        { BYTES("(K\1ia\nb\n.") },
        { BYTES("ca\nb\n)RK\1a.") },
        { BYTES("ca\nb\n)R(K\1K\2e.") },
        { BYTES("ca\nb\n)RK\1Ns.") },
        { BYTES("ca\nb\n)R(K\1Nu.") },
        { BYTES("ca\nb\n)R(K\1\x90.") },
        { BYTES("ca\nb\n)R}b.") },
        { BYTES("ca\nb\n)R)R)\x81.") }, /* what it made is called */
        { BYTES("(U\6moduleca\nb\nU\1fU\1stQ)\x81.") },
        { BYTES("ca\nb\n)Rq\0h\0a.") }, /* swallows itself */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_pickle pickle;

        if (read_bytes(&pickle, cases[i].bytes, cases[i].nbytes) != RN_OK)
            fail_msg("case %zu: %s", i, message.text);
        if (pickle.root.type != RN_PICKLE_CALL)
            fail_msg("case %zu is no object", i);
        assert_ptr_equal(rn_pickle_opaque(&pickle.root), pickle.root.as.call->function);
        assert_string_equal(pickle.root.as.call->function->module, "a");
        assert_string_equal(pickle.root.as.call->function->name, "b");
        assert_int_equal(pickle.root.as.call->function->kind, RN_GLOBAL_STRANGER);
        assert_int_equal(pickle.persistent.count, 0);
        rn_pickle_release(&pickle);
    }
}

/* Keys with values are kept, also by those that refer to the object: it may be a dictionary of a class of its own. */
static void an_opaque_value_keeps_entries(void **state)
{
    rn_pickle pickle;

    (void)state;
    assert_int_equal(read_bytes(&pickle, BYTES("ca\nb\n)Rq\0(K\1K\2K\3K\4uK\5K\6sK\7ah\0\x86.")), RN_OK);
    for (size_t which = 0; which < 2; which++) {
        const rn_pickle_items *const entries = rn_pickle_entries(&pickle.root.as.items->value[which]);

        assert_int_equal(entries->count, 6);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(entries->value[i].as.integer, i + 1);
    }
    rn_pickle_release(&pickle);
    assert_int_equal(read_bytes(&pickle, BYTES("ca\nb\n)R.")), RN_OK);
    assert_null(rn_pickle_entries(&pickle.root));
    rn_pickle_release(&pickle);
}

static void what_is_swallowed_is_not_copied(void **state)
{
    enum { COUNT = 100000 };
    unsigned char *bytes = malloc(2 * COUNT + 16), *at = bytes;
    rn_pickle pickle;

    (void)state;
    assert_non_null(bytes);
    memcpy(at, "ca\nb\n)R(", 8);
    at += 8;
    for (int i = 0; i < COUNT; i++) {
        *at++ = 'K';
        *at++ = 1;
    }
    *at++ = 'e';
    *at++ = '.';
    assert_int_equal(read_bytes(&pickle, (const char *)bytes, (size_t)(at - bytes)), RN_OK);
    /* the stack and its doubling, given back never */
    assert_true(pickle.charged < 8 * COUNT * sizeof(rn_pickle_value));
    assert_int_equal(pickle.root.as.call->arguments->count, 0);
    rn_pickle_release(&pickle);
    free(bytes);
}

static const struct {
    const char *bytes;
    size_t nbytes;
} nonsense[] = {
    { BYTES("") },
    { BYTES(".") }, /* STOP without a value */
    { BYTES("K") },
    { BYTES("K\1") },
    { BYTES("(K\1.") }, /* a mark is left */
    { BYTES("0K\1.") },
    { BYTES("1K\1.") },
    { BYTES("2.") },
    { BYTES("a.") },
    { BYTES("K\1a.") },
    { BYTES("K\1K\1a.") }, /* not a list */
    { BYTES("]K\1(a.") },  /* nothing above the mark */
    { BYTES("e.") },
    { BYTES("}(K\1u.") }, /* a key without a value */
    { BYTES("}K\1s.") },
    { BYTES("](K\1Ns.") },
    { BYTES("(K\1d.") },
    { BYTES("t.") },
    { BYTES("K\1\x86.") },
    { BYTES("q\0.") },
    { BYTES("K\1q\5.") }, /* the memo out of order */
    { BYTES("K\1r\xff\xff\xff\xff.") },
    { BYTES("h\0.") },
    { BYTES("K\1q\0h\1.") },
    { BYTES("j\xff\xff\xff\xff.") },
    { BYTES("X\xff\xff\xff\xff"
            "ab.") },
    { BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
            "ab.") },
    { BYTES("\x8b\xff\xff\xff\xff"
            "ab.") },
    { BYTES("\x8a\5ab.") },
    { BYTES("I\n.") },
    { BYTES("I-\n.") },
    { BYTES("I1x\n.") },
    { BYTES("L\n.") },
    { BYTES("LL\n.") },
    { BYTES("L-L\n.") },
    { BYTES("L1111111111111111111x\n.") },
    { BYTES("I1") },
    { BYTES("G\0\0.") },
    { BYTES("\x95\0\0.") },
    { BYTES("ccollections\nOrderedDict") },
    { BYTES("ccollections\nOrderedDict\nR.") },
    { BYTES("ccollections\nOrderedDict\nK\1R.") },
    { BYTES("ccollections\nOrderedDict\n(]K\1atR.") }, /* no pairs */
    { BYTES("K\1)R.") },
    { BYTES("K\1b.") },
    { BYTES("K\1}b.") }, /* a state for a number */
    { BYTES("U\1aU\1\n\x93.") }, /* names that are no text */
    { BYTES("U\1\x1bU\1b\x93.") },
    { BYTES("ca\n\xff\nK\1.") },
    { BYTES("ca\nb\nK\1R.") }, /* an opaque class, but no arguments */
    { BYTES("ca\nb\n)Ra.") },
    { BYTES("ca\nb\n)R(K\1u.") }, /* a key without a value, even there */
    { BYTES("o.") },
    { BYTES("(o.") },
    { BYTES("(K\1o.") },
    { BYTES("ia\nb\n.") },
    { BYTES("(ia\n.") },
    { BYTES("ca\nb\n)\x92.") },
    { BYTES("(U\6moduleK\1tQ)R.") }, /* the class of a module is none */
    { BYTES("ctorch\nSize\n)RK\1a.") }, /* known, and no list */
    { BYTES("ctorch\nSize\n)R)R.") },
    { BYTES("ctorch\ndevice\n}b.") },
    { BYTES("K\1K\1\x93.") },
    { BYTES("Q.") },
    { BYTES("P1\n.") },   /* textual persistent id */
    { BYTES("\x82\1.") }, /* extension */
    { BYTES("\x92.") },   /* NEWOBJ_EX */
    { BYTES("\x97.") },   /* NEXT_BUFFER */
    { BYTES("\xff.") },
};

static void nonsense_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        rn_pickle pickle;

        if (read_bytes(&pickle, nonsense[i].bytes, nonsense[i].nbytes) != RN_FORMAT)
            fail_msg("case %zu was accepted", i);
        assert_non_null(strstr(message.text, "file"));
    }
}

static void other_protocols_hold_what_pytorch_reads(void **state)
{
    (void)state;
    EXPECT_FIXTURES("protocol1.pth", "protocol3.pth", "protocol4.pth", "protocol5.pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_values_are_read),
        cmocka_unit_test(containers_are_built),
        cmocka_unit_test(calls_are_recorded_not_made),
        cmocka_unit_test(opaque_values_swallow),
        cmocka_unit_test(an_opaque_value_keeps_entries),
        cmocka_unit_test(what_is_swallowed_is_not_copied),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(other_protocols_hold_what_pytorch_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
