// SPDX-License-Identifier: GPL-2.0-only
/* Guests that submit at the same time, to one SMMU. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "smmuv3.h"

#define MAX_THREADS	4
#define MAX_SAMPLES	BIT(18)
/* Measurements are short and many, as whatever disturbs one is not in all. */
#define SLICES		7
#define NS_PER_MS	1000000ULL

struct submitter {
	struct bench bench;		/* a guest of its own */
	unsigned int cpu;
	__u32 batch;			/* commands per submission */
	__u64 until;
	pthread_barrier_t *start;
	__u64 *samples;			/* how long each submission took */
	size_t num;
	int rc;
};

static void pin_to(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	bench_need(sched_setaffinity(0, sizeof(set), &set) ? -errno : 0,
		   "sched_setaffinity");
}

static void *submit(void *arg)
{
	struct submitter *s = arg;
	struct bench_own *own = s->bench.own;
	__u64 now, before;

	pin_to(s->cpu);
	pthread_barrier_wait(s->start);
	now = bench_clock();
	s->until += now;
	while (now < s->until && s->num < MAX_SAMPLES && !s->rc) {
		__u32 num = s->batch;

		before = now;
		s->rc = iommufd_invalidate(s->bench.fd, own->viommu, own->cmds,
					   &num);
		now = bench_clock();
		s->samples[s->num++] = now - before;
	}
	return NULL;
}

static void run(struct submitter *all, unsigned int threads, __u32 batch,
		__u64 ns, __u64 *samples)
{
	pthread_t thread[MAX_THREADS];
	pthread_barrier_t start;
	__u64 begin, took;
	size_t total = 0;
	unsigned int i;

	pthread_barrier_init(&start, NULL, threads + 1);
	for (i = 0; i < threads; i++) {
		all[i].batch = batch;
		all[i].until = ns;
		all[i].start = &start;
		all[i].num = 0;
		bench_need(-pthread_create(&thread[i], NULL, submit, &all[i]),
			   "pthread_create");
	}
	pthread_barrier_wait(&start);
	begin = bench_clock();
	for (i = 0; i < threads; i++) {
		size_t at;

		pthread_join(thread[i], NULL);
		bench_need(all[i].rc, "IOMMU_HWPT_INVALIDATE");
		for (at = 0; at < all[i].num; at++)
			samples[total++] = all[i].samples[at];
	}
	took = bench_clock() - begin;
	pthread_barrier_destroy(&start);

	printf("bench contend threads=%u batch=%u submissions=%zu", threads,
	       batch, total);
	printf(" ns=%llu p50=%llu p99=%llu\n", took,
	       bench_percentile(samples, total, 500),
	       bench_percentile(samples, total, 990));
}

void bench_contend(unsigned int milliseconds)
{
	static const __u32 batches[] = { 1, 64 };
	static struct submitter all[MAX_THREADS];
	unsigned int threads, slice, i;
	__u64 *samples;

	bench_clock_check();
	samples = calloc(MAX_THREADS * MAX_SAMPLES, sizeof(*samples));
	bench_need(samples ? 0 : -ENOMEM, "memory");
	for (i = 0; i < MAX_THREADS; i++) {
		bench_up(&all[i].bench, i);
		all[i].cpu = i;
		all[i].samples = calloc(MAX_SAMPLES, sizeof(__u64));
		bench_need(all[i].samples ? 0 : -ENOMEM, "memory");
	}
	for (i = 0; i < ARRAY_SIZE(batches); i++)
		for (threads = 1; threads <= MAX_THREADS; threads *= 2)
			for (slice = 0; slice < SLICES; slice++)
				run(all, threads, batches[i],
				    milliseconds * NS_PER_MS, samples);
}
