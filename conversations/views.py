"""The chat pages. Every action is a plain form that redirects; HTMX and chat.js ask for the changed part."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agi_site.lib import keyset, targets
from agi_site.lib.ids import uuid7
from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, page, paged
from explanations.services import explanation_of
from knowledge.services import memory_of

from . import services
from .forms import MessageForm, RatingForm, RenameForm
from .models import Conversation, Message
from .picture_views import pictures_of
from .querysets import attach_pictures, attach_ratings
from .receipts import attach_receipts, seen_pictures

LIST_SIZE = 30
SIDEBAR_SIZE = 25
SHOWN_AFTER_FOUND = 9
CHAT = "conversations/chat.html"


# --- The list ---------------------------------------------------------------
@require_GET
def conversation_list(request: HttpRequest) -> HttpResponse:
    """All conversations: search in titles and messages, or page through the active or the archived ones."""
    query = request.GET.get("q", "").strip()
    archived = "archived" in request.GET
    in_sidebar = request.GET.get("in") == "sidebar"
    context: dict[str, Any] = {"query": query, "archived": archived}
    if query:
        context["found"] = services.search_conversations(user=request.user, q=query, limit=LIST_SIZE)
    else:
        mine = Conversation.objects.for_user(request.user)
        rows = mine.archived() if archived else mine.active()
        size = SIDEBAR_SIZE if in_sidebar else LIST_SIZE
        context["page"] = paged(request, rows, order=["-updated_at"], size=size)
    if in_sidebar and request.htmx:
        context["sidebar"] = context.pop("page", None)
        return page(request, "conversations/sidebar.html", "rows", **context)
    return page(request, "conversations/list.html", "rows", **context)


def sidebar_of(user: Any) -> keyset.Page[Any]:
    """The newest conversations, for the sidebar; one query."""
    rows = Conversation.objects.for_user(user).active()
    return keyset.paginate(rows, order=["-updated_at"], size=SIDEBAR_SIZE)


# --- The chat ---------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """An empty chat; its first message makes the conversation."""
    form = MessageForm(request.POST or None, initial={"key": uuid7(), "content": request.GET.get("q", "")})
    if request.method == "POST":
        form.full_clean()
        try:
            conversation = services.start_with_message(
                owner=request.user,
                content=form.data.get("content", ""),
                media=pictures_of(request),
                session=request.session_row,
                key=form.data.get("key", ""),
            )
        except Problem as problem:
            return _refused(request, problem, form, None)
        return redirect("conversations:chat", pk=conversation.pk)
    memory = memory_of(user=request.user)
    return page(request, CHAT, form=form, sidebar=sidebar_of(request.user), memory=memory)


@require_http_methods(["GET", "HEAD", "POST"])
def chat(request: HttpRequest, pk: Any) -> HttpResponse:
    """A conversation: GET shows its newest messages, or those before `?before=`; POST sends one."""
    conversation = _conversation(request, pk)
    if request.method == "POST":
        return _send(request, conversation)
    before = request.GET.get("before")
    found = None if before else _around(conversation, request.GET.get("at"))
    stretch = Message.objects.page_of(conversation, before=before or found)
    partial = "messages" if before or request.headers.get("HX-Target") == "messages" else "stream"
    return page(
        request,
        CHAT,
        partial,
        conversation=conversation,
        stretch=stretch,
        running=any(row.is_running for row in stretch.rows),
        is_past=bool(before or found),
        form=MessageForm(initial={"key": uuid7()}),
        sidebar=None if request.htmx else sidebar_of(request.user),
        memory=None if request.htmx else memory_of(user=request.user),
    )


def _around(conversation: Conversation, message_pk: str | None) -> str | None:
    """The cursor of the stretch in which a found message stands; None if that is the newest one."""
    if not message_pk:
        return None
    later = Message.objects.of(conversation).visible().light().filter(pk__gt=message_pk).order_by("pk")
    rows = list(later[SHOWN_AFTER_FOUND : SHOWN_AFTER_FOUND + 1])
    return keyset.cursor_at(rows[0], order=["-pk"]) if rows else None


def _send(request: HttpRequest, conversation: Conversation) -> HttpResponse:
    form = MessageForm(request.POST)
    try:
        turn = _post(request, conversation, form)
    except Problem as problem:
        return _refused(request, problem, form, conversation)
    if request.htmx:
        rows = [turn.user_message, turn.assistant_message]
        attach_pictures(rows)
        return page(request, CHAT, "turn", conversation=conversation, rows=rows)
    return _back(turn.assistant_message)


def _post(request: HttpRequest, conversation: Conversation, form: MessageForm) -> services.Turn:
    form.full_clean()
    return services.post_message(
        conversation=conversation,
        author=request.user,
        content=form.data.get("content", ""),
        media=pictures_of(request),
        session=request.session_row,
        idempotency_key=form.data.get("key", "")[:64],
    )


def _refused(
    request: HttpRequest, problem: Problem, form: MessageForm, conversation: Conversation | None
) -> HttpResponse:
    """HTMX gets the problem as a toast (agi_site.problem_pages); a plain form comes back with its text."""
    if request.htmx:
        raise problem
    add_problem(form, problem)
    stretch = Message.objects.page_of(conversation) if conversation else None
    sent = services.unsent_pictures(owner=request.user, ids=request.POST.getlist("media"))
    return page(
        request,
        CHAT,
        status=problem.status,
        pictures=sent,
        conversation=conversation,
        stretch=stretch,
        running=bool(stretch and any(row.is_running for row in stretch.rows)),
        form=form,
        sidebar=sidebar_of(request.user),
        memory=memory_of(user=request.user),
    )


@require_POST
def stop(request: HttpRequest, pk: Any) -> HttpResponse:
    """Stop the answer that is being written; what there is of it stays."""
    services.stop_turn(conversation=_conversation(request, pk), by=request.user)
    return HttpResponse(status=204) if request.htmx else redirect("conversations:chat", pk=pk)


# --- One message ------------------------------------------------------------
@require_GET
def message(request: HttpRequest, pk: Any, message_pk: Any) -> HttpResponse:
    """One message as it is now; a browser without HTMX is taken to its place in the conversation."""
    row = _message(request, pk, message_pk)
    if not request.htmx:
        return _back(row)
    attach_ratings([row], user_id=request.user.pk)
    attach_receipts([row], user_id=request.user.pk)
    attach_pictures([row])
    return page(request, CHAT, "message", message=row, conversation=row.conversation)


@require_http_methods(["GET", "HEAD", "POST"])
def edit_message(request: HttpRequest, pk: Any, message_pk: Any) -> HttpResponse:
    """Change one's own message and have it answered anew."""
    row = _message(request, pk, message_pk)
    attach_pictures([row])
    form = MessageForm(request.POST or None, initial={"content": row.content})
    if request.method == "POST":
        form.full_clean()
        content = form.data.get("content", "")
        try:
            turn = services.edit_and_resend(
                message=row,
                by=request.user,
                content=content,
                media=request.POST.getlist("media"),
                session=request.session_row,
            )
        except Problem as problem:
            if request.htmx:
                raise
            add_problem(form, problem)
        else:
            return _changed(request, turn)
    return page(
        request,
        "conversations/edit_message.html",
        "form",
        form=form,
        kept=request.POST.getlist("media") if request.POST else [one.image_id for one in row.shown_pictures],
        message=row,
        conversation=row.conversation,
    )


@require_POST
def regenerate(request: HttpRequest, pk: Any, message_pk: Any) -> HttpResponse:
    """Answer again."""
    row = _message(request, pk, message_pk)
    return _changed(request, services.regenerate(message=row, by=request.user, session=request.session_row))


def _changed(request: HttpRequest, turn: services.Turn) -> HttpResponse:
    """Messages were replaced: the conversation's newest stretch anew."""
    if not request.htmx:
        return _back(turn.assistant_message)
    conversation = turn.assistant_message.conversation
    stretch = Message.objects.page_of(conversation)
    return page(request, CHAT, "stream", conversation=conversation, stretch=stretch, running=True)


@require_http_methods(["GET", "HEAD", "POST"])
def rate(request: HttpRequest, pk: Any, message_pk: Any) -> HttpResponse:
    """Thumb up or down, with a comment if the person likes; both can be changed later."""
    row = _message(request, pk, message_pk)
    form = RatingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.rate_message(message=row, by=request.user, **form.cleaned_data)
        if not request.htmx:
            messages.success(request, _("Thank you. This is kept with the answer."))
            return _back(row)
    attach_ratings([row], user_id=request.user.pk)
    if not form.is_bound:
        form = RatingForm(initial={"thumb": row.rating or "up", "comment": row.comment})
    said = bool(form.is_bound and "comment" in request.POST)
    return page(
        request,
        "conversations/rate.html",
        "rating",
        message=row,
        conversation=row.conversation,
        form=form,
        said=said,
    )


@require_GET
def why(request: HttpRequest, pk: Any, message_pk: Any) -> HttpResponse:
    """Why this answer: what weighed how much, and what it drew on."""
    row = _message(request, pk, message_pk)
    explanation = explanation_of(user=request.user, target_type="message", target_id=row.pk)
    features = list(explanation.features.all())[:20] if explanation else []
    question = Message.objects.for_user(request.user).filter(pk=row.facts.get("reply_to")).light().first()
    attach_receipts([row], user_id=request.user.pk)
    return page(
        request,
        "conversations/why.html",
        "panel",
        message=row,
        conversation=row.conversation,
        explanation=explanation,
        features=features,
        understood=_understood(question),
        sources=row.citation_links(),
        pictures=seen_pictures(row, user=request.user),
    )


def _understood(question: Message | None) -> dict[str, Any]:
    """What was read out of the person's message."""
    if question is None:
        return {}
    return {
        "intents": question.intents.order_by("-confidence")[:3],
        "entities": question.entities.order_by("start_pos", "pk")[:12],
        "sentiment": question.sentiments.order_by("-pk").first(),
    }


@require_GET
def versions(request: HttpRequest, pk: Any, message_pk: Any) -> HttpResponse:
    """What a message said before it was edited or answered again."""
    row = _message(request, pk, message_pk)
    earlier = Message.objects.for_user(request.user).earlier_versions(row)
    attach_receipts(earlier, user_id=request.user.pk)
    attach_pictures(earlier)
    return page(
        request,
        "conversations/versions.html",
        "panel",
        message=row,
        conversation=row.conversation,
        earlier=earlier,
    )


@require_GET
def source(request: HttpRequest, pk: Any, message_pk: Any, number: int) -> HttpResponse:
    """One passage that an answer cites."""
    row = _message(request, pk, message_pk)
    attach_receipts([row], user_id=request.user.pk)
    cited = next((link for link in row.citation_links() if link["n"] == number), None)
    found = None
    if cited:
        try:
            found = targets.resolve(target_type=cited["kind"], target_id=cited["id"], user=request.user)
        except Problem:
            found = None  # forgotten or deleted since: the panel says so
    context = {"cited": cited, "found": found, "message": row, "conversation": row.conversation}
    return page(request, "conversations/source.html", "panel", **context)


# --- The conversation as a whole ---------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: HttpRequest, pk: Any) -> HttpResponse:
    """Give it another title."""
    conversation = _conversation(request, pk)
    form = RenameForm(request.POST or None, initial={"title": conversation.title})
    if request.method == "POST" and form.is_valid():
        try:
            services.rename(conversation=conversation, by=request.user, title=form.cleaned_data["title"])
            return redirect("conversations:chat", pk=pk)
        except Problem as problem:
            add_problem(form, problem)
    return page(request, "conversations/rename.html", form=form, conversation=conversation)


@require_POST
def archive(request: HttpRequest, pk: Any) -> HttpResponse:
    """Put it away."""
    services.archive(conversation=_conversation(request, pk), by=request.user)
    messages.success(request, _("The conversation is in the archive."))
    return redirect("conversations:list")


@require_POST
def unarchive(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take it out of the archive."""
    services.unarchive(conversation=_conversation(request, pk), by=request.user)
    return redirect("conversations:chat", pk=pk)


@require_POST
def switch_memory(request: HttpRequest, pk: Any) -> HttpResponse:
    """Turn memory on (`enabled=1`) or off in this conversation."""
    enabled = request.POST.get("enabled") == "1"
    services.set_memory_enabled(conversation=_conversation(request, pk), by=request.user, enabled=enabled)
    said = _("Memory is on in this conversation.") if enabled else _("Memory is off in this conversation.")
    messages.success(request, said)
    return redirect("conversations:chat", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: Any) -> HttpResponse:
    """Delete it for good, after asking."""
    conversation = _conversation(request, pk)
    if request.method == "POST":
        services.delete_conversation(conversation=conversation, by=request.user)
        messages.success(request, _("The conversation is deleted."))
        return redirect("conversations:list")
    return page(request, "conversations/delete.html", conversation=conversation)


# --- Helpers ------------------------------------------------------------------
def _conversation(request: HttpRequest, pk: Any) -> Conversation:
    found: Conversation = get_object_or_404(Conversation.objects.for_user(request.user), pk=str(pk))
    return found


def _message(request: HttpRequest, pk: Any, message_pk: Any) -> Message:
    rows = Message.objects.for_user(request.user).light().select_related("conversation")
    found: Message = get_object_or_404(rows, pk=str(message_pk), conversation_id=str(pk))
    return found


def _back(row: Message) -> HttpResponse:
    address = reverse("conversations:chat", args=[row.conversation_id])
    return redirect(f"{address}#message-{row.pk}")
