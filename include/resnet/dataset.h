/* SPDX-License-Identifier: MIT */
/*
 * rn_dataset: photos with labels, from a folder that has one folder a class, from files of other layouts
 * (<resnet/dataset_files.h>), or from wherever a caller's function takes them. rn_loader: its batches.
 *
 * The loader decodes several batches ahead with the context's own threads while no network runs: decoding and computing
 * take turns, each with all cores, instead of fighting over them. Every random draw is a pure function of (seed, epoch,
 * sample).
 *
 * Thread safety: a dataset may be read from several threads; making it, parts of it, labels, scans and a loader belong
 * to the thread of the context. A batch is read by whoever has it until the loader's next call.
 */
#ifndef RESNET_DATASET_H
#define RESNET_DATASET_H

#include <resnet/classes.h>
#include <resnet/image.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_dataset rn_dataset;
typedef struct rn_loader rn_loader;
typedef struct rn_batch rn_batch;

typedef struct rn_image_folder_options {
    size_t struct_size;
    const rn_classes *classes; /* the table to use: folders are matched by name, and a folder that it lacks is RN_SHAPE.
                                  NULL: from the folders. Copied */
} rn_image_folder_options;

/*
 * Opens a folder as torchvision.datasets.ImageFolder does: classes are the sub-folders sorted by byte (a name that is
 * not UTF-8 gets a text that is, see <resnet/classes.h>), photos are the files below them whose names end in .jpg .jpeg
 * .jpe .jfif .jif .png .bmp .ppm .pgm .pbm .pnm, and .webp .tif .tiff where the build reads them (any case), sorted by
 * path. Unlike there, hidden folders are no classes, nor are those that systems leave: __MACOSX, @eaDir, $RECYCLE.BIN,
 * System Volume Information, lost+found; nothing in them counts. Hidden files are passed over; so are pictures that no
 * decoder here reads (.gif .heic and others), which one warning of the context's log counts and rn_dataset_ignored
 * tells. Links are followed; in each class a directory that links reach again counts once, and a circle ends. No photo
 * is opened yet: rn_dataset_scan does that.
 * RN_IO; RN_FORMAT: no class folder, one without a photo, folders more than 32 deep, over 2^20 folders in one class,
 * or over 2^24 photos in all.
 */
RN_API rn_status rn_image_folder_open(rn_dataset **dataset, rn_context *context, const char *path,
                                      const rn_image_folder_options *options);

/* Parts of a folder of photos, by the names that people give them, in any case. */
typedef enum rn_split {
    RN_SPLIT_TRAIN = 0, /* train, training */
    RN_SPLIT_VALID = 1, /* val, valid, validation, dev; where none of these is there, test */
    RN_SPLIT_TEST = 2   /* test, testing */
} rn_split;

/*
 * Finds a part of the folder `root` and writes its path, root/name, into `path` of `size` bytes. RN_FORMAT: no folder
 * of that name is there, or several, such as val and valid, are: the message names them. RN_IO. RN_INVALID_ARGUMENT:
 * also if the path does not fit; `path` is empty after every failure.
 */
RN_API rn_status rn_image_folder_find_split(char *path, size_t size, rn_context *context, const char *root,
                                            rn_split split);

/* ---- datasets of one's own -------------------------------------------------------------------------------------- */

/* Where a function that reads samples puts one. Valid during its call. */
typedef struct rn_sample rn_sample;

/*
 * Gives sample `index` (below the dataset's count) by one of the calls below, whose answer it passes on. The threads of
 * the dataset's context call it, several at once for different samples, whenever a batch needs them: the same index in
 * every epoch, with the same picture, or runs cannot be resumed to the same bits. It must not use that context or what
 * was made under it; other contexts are fine. What fails without a word from rn_sample_fail is reported by its status;
 * whether a run then ends or goes on is up to rn_loader_options.bad_photos (RN_NO_MEMORY always ends it). RN_END, which
 * no failure is, counts as RN_IO; RN_OK without a sample as RN_STATE.
 */
typedef rn_status (*rn_sample_function)(rn_sample *sample, size_t index, void *payload);

/* The bytes of a picture file (image.h); not needed after the call. Errors as rn_image_decode. RN_SHAPE: it comes out
 * of the loader's pipeline in another size. RN_STATE: the sample was given already. */
RN_API rn_status rn_sample_give_file(rn_sample *sample, const void *bytes, size_t nbytes);
/* Pixels as rn_image_create takes them; not needed after the call. RN_INVALID_ARGUMENT, RN_SHAPE, RN_STATE,
 * RN_NO_MEMORY. */
RN_API rn_status rn_sample_give_pixels(rn_sample *sample, int32_t width, int32_t height, const uint8_t *pixels,
                                       size_t pitch);
/* Says why there is none, for the message; gives `status` back: `return rn_sample_fail(sample, RN_IO, "...");`. */
RN_API rn_status rn_sample_fail(rn_sample *sample, rn_status status, const char *why);

typedef struct rn_dataset_options {
    size_t struct_size;
    const rn_classes *classes; /* what the labels mean. Copied. Required */
    size_t count;              /* samples, 1 to 2^24 */
    const int64_t *labels;     /* of each, below the number of classes. Copied. Required */
    const char *const *names;  /* of each, for messages and to tell one set of photos from another at a resume. Copied.
                                  NULL: "sample 0", "sample 1", ... */
    rn_sample_function read;   /* required */
    void *payload;
    void (*release)(void *payload); /* if not NULL: called once, when the dataset and all loaders of it are destroyed;
                                       not if creating the dataset failed */
} rn_dataset_options;

/* A dataset whose samples come from a function: an archive, a database, memory. RN_INVALID_ARGUMENT: a required field
 * is missing, or a count out of range. RN_SHAPE: a label that is no class. RN_NO_MEMORY. The caller destroys. */
RN_API rn_status rn_dataset_create(rn_dataset **dataset, rn_context *context, const rn_dataset_options *options);

/* ---- what every dataset has ------------------------------------------------------------------------------------- */

/* Display names from a JSON file, as rn_classes_label. */
RN_API rn_status rn_dataset_load_labels(rn_dataset *dataset, const char *json_path);
/* Borrowed; valid until labels are loaded or the dataset is destroyed. */
RN_API const rn_classes *rn_dataset_classes(const rn_dataset *dataset);
RN_API size_t rn_dataset_count(const rn_dataset *dataset);
/* Files that were passed over because their names end as those of pictures that no decoder here reads; of a subset,
 * 0. */
RN_API size_t rn_dataset_ignored(const rn_dataset *dataset);
/* What messages call a sample: its path, or the name it was given. Borrowed; NULL if out of range. */
RN_API const char *rn_dataset_sample_name(const rn_dataset *dataset, size_t index);
/* The file of a sample, in a folder or a list. Borrowed; NULL if out of range, or if samples have no file each. */
RN_API const char *rn_dataset_path(const rn_dataset *dataset, size_t index);
/* -1 if out of range. */
RN_API int64_t rn_dataset_label(const rn_dataset *dataset, size_t index);
/* How many samples each class has, into `counts` of as many entries as there are classes (`size`, else RN_SHAPE). */
RN_API rn_status rn_dataset_class_counts(size_t *counts, size_t size, const rn_dataset *dataset);
/* For rn_loss_options.class_weights: samples / (classes * samples of the class), which scikit-learn calls "balanced",
 * as float32 (classes). RN_SHAPE: a class has no sample (named in the message). RN_NO_MEMORY. The caller destroys. */
RN_API rn_status rn_dataset_class_weights(rn_tensor **weights, const rn_dataset *dataset);
/* NULL is fine. */
RN_API void rn_dataset_destroy(rn_dataset *dataset);

/* ---- parts of a dataset ----------------------------------------------------------------------------------------- */

/*
 * The samples `indices[0]`, `indices[1]`, ... of a dataset, as a dataset of its own with the same classes; an index may
 * come several times. It keeps what it was taken from alive, and shares it. RN_INVALID_ARGUMENT: no index, over 2^24 of
 * them, or one out of range. RN_NO_MEMORY. The caller destroys.
 */
RN_API rn_status rn_dataset_subset(rn_dataset **subset, rn_dataset *dataset, const size_t *indices, size_t count);

typedef struct rn_dataset_split_options {
    size_t struct_size;
    uint64_t seed;   /* 0: the context's */
    double fraction; /* of each class that goes into `valid`, above 0 and below 1; 0: 0.2 */
    int32_t folds;   /* 0: by fraction; from 2 on: in so many parts, `valid` being one of them */
    int32_t fold;    /* which, below folds */
} rn_dataset_split_options;

/*
 * Splits a dataset in two, class by class. By fraction, `valid` gets of n samples of a class the whole number nearest
 * to fraction * n, but at least one and at most n - 1; by folds it gets n / folds, rounded up or down, and each sample
 * is in one fold. The only sample of a class is always in `train`. Both keep the order of the dataset.
 *
 * What becomes of a sample depends on the seed, its class's folder and its name (of a file without its folders; files
 * of one name within a class are counted), not on its place: photos that are added or removed later move few others. A
 * sample that the dataset has several times may get into both.
 *
 * RN_INVALID_ARGUMENT: options out of range, or a fraction together with folds. RN_SHAPE: nothing to put into `valid`.
 * RN_NO_MEMORY. The caller destroys both, each of which is an rn_dataset_subset.
 */
RN_API rn_status rn_dataset_split(rn_dataset **train, rn_dataset **valid, rn_dataset *dataset,
                                  const rn_dataset_split_options *options);

/* ---- looking at all samples -------------------------------------------------------------------------------------- */

/* Which samples of a dataset cannot be had, and why. Reading it is thread safe. */
typedef struct rn_scan rn_scan;

typedef struct rn_scan_options {
    size_t struct_size;
    int64_t max_pixels; /* of a photo; 0: as rn_image_options */
    /* If not NULL: called now and then on the caller's thread, with how many samples have been looked at; an answer
       other than 0 ends the scan as RN_CANCELLED. It must not use the dataset's context. */
    int32_t (*progress)(size_t done, size_t count, void *payload);
    void *payload;
    int32_t quick; /* 1: decoding ends when a picture's size is known: finds files that are missing, unreadable or none
                      of the formats, not those that are damaged further on */
    int32_t reserved;
} rn_scan_options;

/*
 * Reads and decodes every sample, with the threads of the dataset's context, as a loader does before its pipeline: what
 * would stop an epoch is known beforehand. Failures are in the report, in the order of the samples, the same for any
 * number of threads. RN_INVALID_ARGUMENT. RN_CANCELLED. RN_NO_MEMORY, also if a sample failed for it. The caller
 * destroys the report, which keeps the dataset alive.
 */
RN_API rn_status rn_dataset_scan(rn_scan **scan, rn_dataset *dataset, const rn_scan_options *options);
/* Of samples that failed: how many; which (SIZE_MAX if out of range); with which status (RN_OK); and the message that
 * the loader would give, naming the sample (borrowed; NULL). */
RN_API size_t rn_scan_count(const rn_scan *scan);
RN_API size_t rn_scan_sample(const rn_scan *scan, size_t index);
RN_API rn_status rn_scan_status(const rn_scan *scan, size_t index);
RN_API const char *rn_scan_message(const rn_scan *scan, size_t index);
/* The subset of all other samples. RN_SHAPE: there is none. RN_NO_MEMORY. The caller destroys. */
RN_API rn_status rn_scan_good(rn_dataset **good, const rn_scan *scan);
/* NULL is fine. */
RN_API void rn_scan_destroy(rn_scan *scan);

/* ---- batches ---------------------------------------------------------------------------------------------------- */

typedef enum rn_bad_photo {
    RN_BAD_PHOTO_FAILS = 0,     /* a photo that does not decode is an error that names it */
    RN_BAD_PHOTO_IS_SKIPPED = 1 /* it is left out, logged and counted */
} rn_bad_photo;

typedef struct rn_loader_options {
    size_t struct_size;
    uint64_t seed;        /* of order and augmentation; 0: the context's */
    int32_t batch_size;   /* 0: 8 */
    int32_t shuffle;      /* 1: another order every epoch */
    int32_t bad_photos;   /* an rn_bad_photo */
    int32_t avoid_single; /* 1: a last batch of one sample is joined to the one before it, since batch norm cannot train
                             on one value */
    int32_t height, width; /* of the images, where the pipeline leaves it to the photo; 0: the pipeline fixes it */
    int64_t max_pixels;    /* of a photo; 0: as rn_image_options */
    const double *weights; /* of each sample, none negative, their sum above 0; copied. Not NULL: samples are drawn with
                              replacement, each as often as its weight says, as WeightedRandomSampler does */
    size_t draws;          /* the length of an epoch of draws; 0: as many as the dataset has samples */
    int32_t balanced;      /* 1: drawn by the weights 1 / (samples of the class), so that each class is as frequent */
    int32_t views; /* a sample is prepared in so many random ways, which epochs take in turn: epoch e draws what epoch
                      e mod views does. 0: in another way in every epoch */
    size_t cache_size;      /* bytes that prepared photos may take (below); 0: none are kept; with cache_file 4 GiB */
    const char *cache_file; /* they are kept in this file, for other loaders, too. NULL: in memory */
} rn_loader_options;

/*
 * Prepared photos: what the steps of the pipeline in front of the first that draws at random make of a photo
 * (Resize(256) in front of RandomRotation; of a pipeline that begins with RandomResizedCrop, the decoded photo) is
 * kept as 3 bytes a pixel, of as many photos as fit cache_size, so that later epochs do not decode them. No bit of a
 * batch differs. The first ones that are met stay. In memory it is the C library's, as decoding's is, asked for
 * photo by photo.
 *
 * A file is of one folder and one way of preparing. A photo is known in it by its path, size, time of modification
 * and inode; what was decoded by another version of the library, or for other steps, is not used: the file is begun
 * anew, as it is if most of what it holds is of photos that are gone. Checksums tell what is damaged, which is
 * decoded again; the log says all of this. They are no defence against somebody who writes into the file on purpose,
 * who can change what photos look like, but nothing else. One loader at a time has the file; another one decodes,
 * and says so in the log, as does one that finds the disk full.
 */

/* Batches of `dataset` prepared by `pipeline` (copied), whose output size is fixed by it or by the options:
 * RN_INVALID_ARGUMENT, or RN_SHAPE if the two differ. RN_IO: no such cache_file can be had; RN_FORMAT: it is there
 * and something else, and left as it is; RN_UNSUPPORTED: one for samples that have no file each. Where samples are
 * drawn by weights, `shuffle` has nothing to add, and the draw and, without `views`, the augmentation at a place of
 * the epoch depend on (seed, epoch, place). Keeps the dataset alive. */
RN_API rn_status rn_loader_create(rn_loader **loader, rn_dataset *dataset, const rn_pipeline *pipeline,
                                  const rn_loader_options *options);
/* Begins epoch `epoch` at its first batch; the epoch decides order and augmentation. */
RN_API rn_status rn_loader_start(rn_loader *loader, uint64_t epoch);
/* Passes over `batches` batches without decoding them, to resume inside an epoch. RN_STATE: not started.
 * RN_INVALID_ARGUMENT: the epoch has fewer left. */
RN_API rn_status rn_loader_skip(rn_loader *loader, size_t batches);
/* The next batch, borrowed until the next call; RN_END after the last. RN_STATE: not started. RN_FORMAT, RN_IO: a photo
 * that does not decode. RN_SHAPE: one that comes out of the pipeline in another size. What the function of a dataset of
 * one's own answers. After such a failure the next call tries the same batch again; rn_loader_skip passes over it. */
RN_API rn_status rn_loader_next(const rn_batch **batch, rn_loader *loader);
/* Photos skipped since the start of the epoch. */
RN_API size_t rn_loader_skipped(const rn_loader *loader);
/* Batches of an epoch. */
RN_API size_t rn_loader_batches(const rn_loader *loader);
/* NULL is fine. */
RN_API void rn_loader_destroy(rn_loader *loader);

/* Of a batch, all borrowed with it: float32 (N, 3, H, W); int64 (N); N; the dataset's index of a sample (SIZE_MAX if
 * out of range). */
RN_API const rn_tensor *rn_batch_images(const rn_batch *batch);
RN_API const rn_tensor *rn_batch_labels(const rn_batch *batch);
RN_API size_t rn_batch_size(const rn_batch *batch);
RN_API size_t rn_batch_sample(const rn_batch *batch, size_t index);

#ifdef __cplusplus
}
#endif

#endif
