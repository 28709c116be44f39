/* SPDX-License-Identifier: MIT */
/*
 * WebP by libwebp, as Pillow's convert('RGB') has it: alpha is dropped, not blended; of an animation the first frame,
 * black around it. libwebp allocates from the C library, a few bytes a pixel.
 */
#include "image/pixels.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

/* Lossless coding says much with little: what a file may claim however short it is, and for each of its bytes. */
static const uint64_t free_pixels = (uint64_t)1 << 24, pixels_a_byte = 4096;

static rn_status fail_decoding(VP8StatusCode code, const char *name, rn_message *message)
{
    return code == VP8_STATUS_OUT_OF_MEMORY ? rn_fail(message, RN_NO_MEMORY, "%s: no memory to decode it", name)
                                            : rn_fail(message, RN_FORMAT, "%s: the WebP is damaged", name);
}

/* The frame into its place. */
static rn_status decode_frame(rn_pixels *pixels, const WebPIterator *frame, const char *name, rn_message *message)
{
    const size_t pitch = (size_t)pixels->width * 3,
                 first = (size_t)frame->y_offset * pitch + (size_t)frame->x_offset * 3;
    WebPDecoderConfig config;
    VP8StatusCode code;

    if (frame->x_offset < 0 || frame->y_offset < 0 || frame->width < 1 || frame->height < 1 ||
        frame->width > pixels->width - frame->x_offset || frame->height > pixels->height - frame->y_offset ||
        !WebPInitDecoderConfig(&config))
        return fail_decoding(VP8_STATUS_BITSTREAM_ERROR, name, message);
    memset(pixels->rgb, 0, pitch * (size_t)pixels->height);
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels->rgb + first;
    config.output.u.RGBA.stride = (int)pitch;
    config.output.u.RGBA.size = pitch * (size_t)pixels->height - first;
    code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? RN_OK : fail_decoding(code, name, message);
}

static rn_status decode_first(rn_pixels *pixels, const rn_workbench *bench, const WebPDemuxer *webp, size_t nbytes,
                              const char *name, rn_message *message)
{
    const uint32_t width = WebPDemuxGetI(webp, WEBP_FF_CANVAS_WIDTH),
                   height = WebPDemuxGetI(webp, WEBP_FF_CANVAS_HEIGHT);
    WebPIterator frame;
    rn_status status = rn_check_picture_size(bench, width, height, name, message);

    if (status != RN_OK)
        return status;
    if ((uint64_t)width * height > free_pixels + pixels_a_byte * nbytes)
        return rn_fail(message, RN_FORMAT, "%s: %zu bytes cannot hold %u x %u pixels", name, nbytes, width, height);
    if (!WebPDemuxGetFrame(webp, 1, &frame))
        return fail_decoding(VP8_STATUS_BITSTREAM_ERROR, name, message);
    status = rn_pixels_create(pixels, bench, width, height, message);
    if (status == RN_OK)
        status = decode_frame(pixels, &frame, name, message);
    WebPDemuxReleaseIterator(&frame);
    if (status != RN_OK)
        rn_pixels_release(pixels);
    return status;
}

rn_status rn_pixels_decode_webp(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                                const char *name, rn_message *message)
{
    const WebPData data = { bytes, nbytes };
    WebPDemuxer *const webp = WebPDemux(&data); /* NULL: not whole, not WebP, or no memory for a list of frames */
    rn_status status;

    *pixels = (rn_pixels){ .bench = bench };
    if (webp == NULL)
        return rn_fail(message, RN_FORMAT, "%s: the WebP is damaged or cut short", name);
    status = decode_first(pixels, bench, webp, nbytes, name, message);
    WebPDemuxDelete(webp);
    return status;
}
