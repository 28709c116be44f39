/* SPDX-License-Identifier: MIT */
/*
 * libresnet_mpi: an rn_collective over an MPI communicator, for rn_trainer_options.collective. A library of its own,
 * built for one MPI; libresnet itself knows nothing of MPI.
 *
 *   MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided);
 *   rn_mpi_collective_create(&collective, MPI_COMM_WORLD);
 *   rn_trainer_create(&trainer, model, train, valid, RN_OPTIONS(rn_trainer, .collective = collective, ...));
 *   ...
 *   rn_trainer_destroy(trainer);
 *   rn_mpi_collective_destroy(collective);
 *   MPI_Finalize();
 *
 * MPI has to be initialised. Where it provides MPI_THREAD_SERIALIZED or more, gradients travel while backward computes
 * (rn_collective.any_thread): then the program's own threads call MPI during rn_trainer_fit only if it provides
 * MPI_THREAD_MULTIPLE. With MPI_Init or MPI_THREAD_FUNNELED they travel after backward, and the trainer runs in the
 * thread that initialised MPI. The results are the same.
 */
#ifndef RESNET_MPI_H
#define RESNET_MPI_H

#include <mpi.h>
#include <resnet/collective.h>
#include <resnet/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * All processes of `communicator` call it together. The communicator is duplicated: messages of the program's own
 * cannot meet those of the library. An error of MPI is answered with RN_IO; rn_collective.abort prints its sentence as
 * one line on standard error and calls MPI_Abort, which ends all processes. RN_INVALID_ARGUMENT: `collective` is NULL.
 * RN_STATE: MPI is not initialised, or finalised. RN_NO_MEMORY. RN_IO: MPI cannot duplicate it.
 */
RN_API rn_status rn_mpi_collective_create(rn_collective **collective, MPI_Comm communicator);
/* All processes together, after the trainers that use it and before MPI_Finalize. NULL is fine. */
RN_API void rn_mpi_collective_destroy(rn_collective *collective);

#ifdef __cplusplus
}
#endif

#endif
