/* SPDX-License-Identifier: MIT */
/* The metadata keys of our files and the prefixes of optimizer state and of averages. No other file spells them. */
#ifndef RN_STORE_KEYS_H
#define RN_STORE_KEYS_H

#define RN_KEY_KIND "rn.kind"
#define RN_KEY_NETWORK "rn.network"
#define RN_KEY_CLASSES "rn.classes"
#define RN_KEY_CLASS_COUNT "rn.class_count"
#define RN_KEY_PIPELINE "rn.pipeline"
#define RN_KEY_TRAINING_PIPELINE "rn.training_pipeline"
#define RN_KEY_INPUT "rn.input"
#define RN_KEY_NUMERICS "rn.numerics"
#define RN_KEY_STATE "rn.state"
#define RN_KEY_DIGEST "rn.digest"
#define RN_KEY_OPTIMIZER "rn.optimizer"
#define RN_KEY_SCHEDULER "rn.scheduler"
#define RN_KEY_EMA "rn.ema"
#define RN_KEY_FEATURES "rn.features"

#define RN_KIND_MODEL "model"
#define RN_KIND_TRAINING "training"

#define RN_OPTIMIZER_PREFIX "optimizer."
#define RN_EMA_PREFIX "ema."

#endif
