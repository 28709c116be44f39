/* SPDX-License-Identifier: MIT */
/* libresnet: fine-tune and run torchvision's networks in C. This header includes all others. */
#ifndef RESNET_RESNET_H
#define RESNET_RESNET_H

#include <resnet/checkpoint.h>
#include <resnet/classes.h>
#include <resnet/collective.h>
#include <resnet/context.h>
#include <resnet/cross_validation.h>
#include <resnet/dataset.h>
#include <resnet/dataset_files.h>
#include <resnet/ema.h>
#include <resnet/evaluation.h>
#include <resnet/fit_options.h>
#include <resnet/graph.h>
#include <resnet/image.h>
#include <resnet/mixing.h>
#include <resnet/model.h>
#include <resnet/optimizer.h>
#include <resnet/options.h>
#include <resnet/parameters.h>
#include <resnet/predict.h>
#include <resnet/report.h>
#include <resnet/scheduler.h>
#include <resnet/session.h>
#include <resnet/status.h>
#include <resnet/tensor.h>
#include <resnet/trainer.h>
#include <resnet/version.h>

#endif
