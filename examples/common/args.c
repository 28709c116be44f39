/* SPDX-License-Identifier: MIT */
/* --name value, --name=value, --flag, --help, and "--" before names that begin with a dash. */
#define _POSIX_C_SOURCE 200809L
#include "common/args.h"
#include "common/language.h"
#include "common/sentence.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPIN_COUNT "2000" /* docs/embedding.md has the measurement */

static void print_usage(const args_program *program)
{
    const char *line = program->usage;
    int first = 1;

    while (line != NULL) {
        const char *end = strchr(line, '\n');
        const int length = end != NULL ? (int)(end - line) : (int)strlen(line);

        if (first)
            printf(_("usage: %s %.*s\n"), program->name, length, line);
        else
            printf(_("       %s %.*s\n"), program->name, length, line);
        first = 0;
        line = end != NULL ? end + 1 : NULL;
    }
}

static void print_option(const char *name, const char *argument, const char *help)
{
    char left[64];

    snprintf(left, sizeof left, "--%s%s%s", name, argument != NULL ? " " : "", argument != NULL ? argument : "");
    printf("  %-24s %s\n", left, _(help));
}

static void print_help(const args_program *program, int all)
{
    int more = 0;

    print_usage(program);
    printf("\n%s\n\n", _(program->about));
    for (size_t i = 0; i < program->option_count && (all || !more); i++) {
        const args_option *option = &program->options[i];

        if (option->name != NULL)
            print_option(option->name, option->argument, option->help);
        more = more || option->name == NULL;
    }
    print_option("help", NULL, N_("print this and stop"));
    if (more)
        print_option("help-all", NULL,
                     all ? N_("this, with what is seldom needed")
                         : N_("the same with the options that are seldom needed"));
}

void args_clear_line(const args_program *program)
{
    if (program->line_open == NULL || !*program->line_open)
        return;
    fputs("\r\033[K", stdout);
    fflush(stdout);
    *program->line_open = 0;
}

int args_usage(const args_program *program, const char *what)
{
    text_line(stderr, "%s: %s (--help says more)", program->name, _(what));
    return EXIT_USAGE;
}

int args_advised(const args_program *program, rn_status status, const rn_context *context, const char *advice)
{
    const char *message = rn_context_message(context);
    char text[SENTENCE_SIZE];

    args_clear_line(program);
    message = *message != '\0' ? message : rn_status_string(status);
    text_line(stderr, "%s: %s%s", program->name, sentence_translate(text, sizeof text, message),
              advice != NULL ? advice : "");
    return EXIT_FAILED;
}

int args_failed(const args_program *program, rn_status status, const rn_context *context)
{
    return args_advised(program, status, context, NULL);
}

void args_log(rn_log_level level, const char *line, void *payload)
{
    const args_program *program = payload;
    char text[SENTENCE_SIZE];

    if (level != RN_LOG_WARNING)
        return;
    args_clear_line(program);
    text_line(stderr, "%s: warning: %s", program->name, sentence_translate(text, sizeof text, line));
}

int args_context(rn_context **context, const args_program *program, int32_t threads, uint64_t seed,
                 rn_precision precision)
{
    char why[512];

    if (rn_context_create(context, RN_OPTIONS(rn_context, .threads = threads, .seed = seed, .log = args_log,
                                              .log_payload = (void *)program, .message = why,
                                              .message_size = sizeof why, .precision = precision)) == RN_OK)
        return 1;
    text_line(stderr, "%s: %s", program->name, why);
    return 0;
}

FILE *args_report(int json)
{
    return json ? stderr : stdout;
}

int args_end(const args_program *program, int answer)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return answer;
    text_line(stderr, "%s: standard output cannot be written", program->name);
    return answer != 0 ? answer : EXIT_FAILED;
}

/*
 * A standard stream that the caller closed would leave its number to the first file that is opened, and what is printed
 * would land there. The wrong mode keeps it as unusable as it was.
 */
static void hold_standard_streams(void)
{
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++)
        if (fcntl(number, F_GETFD) < 0)
            (void)!open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/*
 * GNU's OpenMP lets its threads spin for milliseconds after each layer, unless its environment says otherwise when it
 * is loaded. Beside another busy process each layer then waits for a time slice of the scheduler. With a short spin it
 * does not, so the program begins again with that, unless somebody has said what is to be.
 */
static void spin_shortly(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") != NULL || getenv("GOMP_SPINCOUNT") != NULL)
        return;
    if (setenv("GOMP_SPINCOUNT", SPIN_COUNT, 1) == 0)
        (void)execv("/proc/self/exe", argv);
}

static int bad_value(const args_program *program, const args_option *option, const char *text)
{
    char what[256];

    snprintf(what, sizeof what, _("--%s cannot be \"%.100s\""), option->name, text);
    return args_usage(program, what);
}

/* False: not a number of bytes. */
static int read_bytes(size_t *bytes, const char *text)
{
    static const char units[] = "KMG";
    char *end;
    double number = strtod(text, &end);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;

    for (const char *u = units; unit != NULL && u <= unit; u++)
        number *= 1024;
    if (end == text || end[unit != NULL] != '\0' || !(number >= 1 && number < (double)SIZE_MAX))
        return 0;
    *bytes = (size_t)number;
    return 1;
}

int args_set(const args_program *program, const args_option *option, const char *text)
{
    char *end;

    errno = 0;
    if (option->kind == ARGS_FLAG) {
        const int is_true = strcmp(text, "true") == 0;

        *(int *)option->value = is_true;
        return is_true || strcmp(text, "false") == 0 ? -1 : bad_value(program, option, text);
    }
    if (option->kind == ARGS_TEXT) {
        *(const char **)option->value = text;
        return -1;
    }
    if (option->kind == ARGS_BYTES)
        return read_bytes(option->value, text) ? -1 : bad_value(program, option, text);
    if (option->kind == ARGS_PRECISION) {
        const int is_bf16 = strcmp(text, "bf16") == 0;

        *(rn_precision *)option->value = is_bf16 ? RN_PRECISION_BFLOAT16 : RN_PRECISION_FLOAT32;
        return is_bf16 || strcmp(text, "fp32") == 0 ? -1 : bad_value(program, option, text);
    }
    if (option->kind == ARGS_NUMBER || option->kind == ARGS_LIMIT) {
        const double number = strtod(text, &end);
        const int fits = isfinite(number) && (number > 0 || (number == 0 && option->kind == ARGS_LIMIT));

        *(double *)option->value = number;
        return end != text && *end == '\0' && fits ? -1 : bad_value(program, option, text);
    }
    if (strspn(text, "0123456789") != strlen(text) || *text == '\0')
        return bad_value(program, option, text);
    if (option->kind == ARGS_SEED) {
        *(uint64_t *)option->value = strtoull(text, NULL, 10);
    } else {
        const unsigned long long count = strtoull(text, NULL, 10);

        if (count > INT32_MAX)
            errno = ERANGE;
        *(int32_t *)option->value = (int32_t)(count & INT32_MAX);
    }
    return errno == 0 ? -1 : bad_value(program, option, text);
}

const args_option *args_find(const args_program *program, const char *name, size_t length)
{
    for (size_t i = 0; i < program->option_count; i++) {
        const args_option *const option = &program->options[i];

        if (option->name != NULL && strlen(option->name) == length && strncmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

/* Letters to be put in, left out or changed (Levenshtein); `a` has at most NAME of them. */
static size_t distance(const char *a, const char *b, size_t length)
{
    enum { NAME = 63 };
    size_t row[NAME + 1];
    const size_t width = strlen(a) < NAME ? strlen(a) : NAME;

    for (size_t i = 0; i <= width; i++)
        row[i] = i;
    for (size_t k = 0; k < length; k++) {
        size_t diagonal = row[0];

        row[0] = k + 1;
        for (size_t i = 1; i <= width; i++) {
            const size_t changed = diagonal + (a[i - 1] != b[k]);
            const size_t least = row[i] < row[i - 1] ? row[i] + 1 : row[i - 1] + 1;

            diagonal = row[i];
            row[i] = changed < least ? changed : least;
        }
    }
    return row[width];
}

const char *args_nearest(const args_program *program, const char *name, size_t length)
{
    const char *nearest = "help";

    for (size_t i = 0; i < program->option_count; i++) {
        const char *const other = program->options[i].name;

        if (other != NULL && distance(other, name, length) < distance(nearest, name, length))
            nearest = other;
    }
    return nearest;
}

const char *args_peek(const char *name, int argc, char *const *argv)
{
    const size_t length = strlen(name);
    const char *value = NULL;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, name, length) != 0)
            continue;
        if (argv[i][2 + length] == '=')
            value = argv[i] + 3 + length;
        else if (argv[i][2 + length] == '\0' && i + 1 < argc)
            value = argv[++i];
    }
    return value;
}

/* argv[*at] begins with two dashes; *at moves on to the last argument that belongs to it. */
static int read_option(const args_program *program, int argc, char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    const size_t length = strcspn(name, "=");
    const args_option *const option = args_find(program, name, length);
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    char what[256];

    if (option == NULL) {
        snprintf(what, sizeof what, _("there is no option --%.100s; the nearest is --%s"), name,
                 args_nearest(program, name, length));
        return args_usage(program, what);
    }
    if (option->kind == ARGS_FLAG)
        return args_set(program, option, value != NULL ? value : "true");
    if (value == NULL && *at + 1 < argc)
        value = argv[++*at];
    if (value != NULL)
        return args_set(program, option, value);
    snprintf(what, sizeof what, _("--%s needs a value"), option->name);
    return args_usage(program, what);
}

void args_begin(char **argv)
{
    hold_standard_streams();
    spin_shortly(argv);
    language_begin();
}

int args_read(const args_program *program, int *argc, char **argv)
{
    int kept = 1, only_names = 0, answer;

    args_begin(argv);
    for (int i = 1; i < *argc; i++) {
        if (only_names || strncmp(argv[i], "-", 1) != 0 || strcmp(argv[i], "-") == 0) {
            argv[kept++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_names = 1;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(program, 0);
            return args_end(program, 0);
        } else if (strcmp(argv[i], "--help-all") == 0) {
            print_help(program, 1);
            return args_end(program, 0);
        } else if (strncmp(argv[i], "--", 2) != 0) {
            return args_usage(program, N_("options begin with two dashes"));
        } else if ((answer = read_option(program, *argc, argv, &i)) >= 0) {
            return answer;
        }
    }
    *argc = kept;
    return -1;
}
