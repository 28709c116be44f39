/* SPDX-License-Identifier: MIT */
/*
 * Datasets from files of known layouts: a list of photos with their labels, IDX (MNIST and its family), CIFAR's binary
 * version.
 *
 * What these calls make is an rn_dataset (<resnet/dataset.h>) like any other, under the context that they are given,
 * and the caller destroys it. Everything in such files is checked: a message names the file, and the line or the
 * numbers that are wrong.
 */
#ifndef RESNET_DATASET_FILES_H
#define RESNET_DATASET_FILES_H

#include <resnet/dataset.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- lists of photos --------------------------------------------------------------------------------------------- */

typedef enum rn_list_header {
    RN_LIST_HEADER_AUTO = 0, /* yes, if the options name a column, or if what stands in the path's column of the first
                                row is one of path, file, filename, file_name, filepath, file_path, image, image_path,
                                image_name, image_id, img, img_path, id, name (any case) */
    RN_LIST_HEADER_YES = 1,
    RN_LIST_HEADER_NO = 2
} rn_list_header;

typedef struct rn_image_list_options {
    size_t struct_size;
    const rn_classes *classes;              /* the table to use. Copied. NULL: from the labels */
    const char *root;                       /* where relative paths begin; NULL: the folder of the list */
    const char *ending;                     /* comes behind each path, such as ".jpg"; NULL: nothing */
    const char *path_column, *label_column; /* by the header's names, as they stand there; NULL: by number */
    int32_t path_number, label_number;      /* columns, from 1 to 256; 0: the first and the second */
    int32_t separator;                      /* ',' ';' '\t' or ' '; 0: as the first row has it */
    int32_t header;                         /* an rn_list_header */
    int32_t skip_missing; /* 1: rows whose photo is not there are left out, and one warning of the log counts them */
    int32_t reserved;
} rn_image_list_options;

/*
 * Opens a text file with a row for each photo: `path,label` (CSV, RFC 4180), `path;label`, `path<TAB>label`, or
 * `path label` as in ImageNet's lists. Samples keep the order of the rows.
 *
 * Text. Lines end in LF or CR LF; a byte order mark of UTF-8, empty lines and lines that begin with # are passed over.
 * What separates is, of tab, comma, semicolon and blank, the first that the first row holds outside quotes. Blanks
 * around a field do not count. A field that begins with a double quote ends with one; inside, "" is a quote, and
 * separators and ends of lines are text. All rows have as many fields as the first. Where blanks separate, quotes are
 * text, and a row is a path (which may hold blanks), blanks, and a label without any.
 *
 * Paths are bytes. An absolute one, or one with "..", may leave `root`: a list is trusted to name files. Each must be a
 * regular file (nothing is opened yet), whatever its name ends in. A photo may come several times; with two labels it
 * is refused.
 *
 * Labels without a table: each different one is a class, in the order of the numbers if all are numbers (without sign
 * and leading zeros), else by byte; where labels are numbers from 0 on, with gaps, so that class i is not number i, a
 * warning of the log says so. With a table a label is the class of that folder; if no folder of the table is a number,
 * a number is the class of that index. Texts of classes are made of labels as of folders' names (<resnet/classes.h>).
 *
 * RN_IO: the list, or a photo. RN_FORMAT: no row, an over-long path, over 2^24 rows, 1,000,000 classes or 2^30 bytes,
 * and what the rules above leave. RN_SHAPE: a label that the table lacks. RN_INVALID_ARGUMENT. RN_NO_MEMORY.
 */
RN_API rn_status rn_image_list_open(rn_dataset **dataset, rn_context *context, const char *path,
                                    const rn_image_list_options *options);

/* ---- pictures in one file ---------------------------------------------------------------------------------------- */

/*
 * The pictures of these are kept in memory, as the files have them, and handed out as RGB. A sample is called after its
 * file and its number in it, "train-images-idx3-ubyte[17]". Files have at most 2^31 bytes, all together 2^24 pictures.
 * RN_IO: a file cannot be read. RN_FORMAT: one is not of the layout or not of the length that it claims. RN_SHAPE: a
 * label that the table lacks, or not as many labels as pictures. RN_INVALID_ARGUMENT. RN_NO_MEMORY.
 */

typedef struct rn_idx_options {
    size_t struct_size;
    const rn_classes *classes; /* what labels mean. Copied. NULL: "0", "1", ... up to the highest label */
} rn_idx_options;

/*
 * Grey pictures (three dimensions) and their labels (one), both of unsigned bytes, in files of the format IDX
 * (http://yann.lecun.com/exdb/mnist/), also packed by gzip.
 */
RN_API rn_status rn_idx_open(rn_dataset **dataset, rn_context *context, const char *images, const char *labels,
                             const rn_idx_options *options);

typedef enum rn_cifar {
    RN_CIFAR_10 = 0,
    RN_CIFAR_100 = 1,       /* by fine labels */
    RN_CIFAR_100_COARSE = 2 /* by coarse ones */
} rn_cifar;

typedef struct rn_cifar_options {
    size_t struct_size;
    const rn_classes *classes; /* what labels mean. Copied. NULL: of CIFAR-10 "airplane" to "truck"; else as IDX */
    int32_t kind;              /* an rn_cifar */
    int32_t reserved;
} rn_cifar_options;

/*
 * `count` files of the binary version of CIFAR (https://www.cs.toronto.edu/~kriz/cifar.html), one after the other:
 * records of a label (CIFAR-100: a coarse and a fine one) and the planes R, G, B of 32 x 32 pixels.
 */
RN_API rn_status rn_cifar_open(rn_dataset **dataset, rn_context *context, const char *const *paths, size_t count,
                               const rn_cifar_options *options);

#ifdef __cplusplus
}
#endif

#endif
