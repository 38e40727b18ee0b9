"""Migrations 0001 to 0004 in one step, for new databases: each altered table costs a start and a test."""

import agi_site.lib.fields
import agi_site.lib.fulltext.table
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from agi_site.lib.fulltext import AddFullText


class Migration(migrations.Migration):

    replaces = [
        ('conversations', '0001_initial'),
        ('conversations', '0002_message_search'),
        ('conversations', '0003_recall_receipts'),
        ('conversations', '0004_receipts_of_earlier_answers'),
    ]

    initial = True

    dependencies = [
        ('accounts', '__first__'),
    ]

    operations = [
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('title', models.CharField(blank=True, max_length=200, null=True, verbose_name='title')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('status', agi_site.lib.fields.EnumField(blank=True, choices=[('active', 'active'), ('archived', 'archived'), ('deleted', 'deleted')], db_default='active', db_index=True, default='active', max_length=8, null=True, verbose_name='status')),
                ('metadata', models.JSONField(blank=True, null=True, verbose_name='metadata')),
                ('memory_enabled', models.BooleanField(db_default=True, default=True, verbose_name='memory is on')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='conversations', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'conversation',
                'verbose_name_plural': 'conversations',
                'db_table': 'conversation',
                'indexes': [models.Index(fields=['user', '-updated_at'], name='conversation_newest_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['active', 'archived', 'deleted'])), name='conversation_status_enum')],
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('role', agi_site.lib.fields.EnumField(choices=[('user', 'user'), ('assistant', 'assistant'), ('system', 'system'), ('tool', 'tool')], db_index=True, max_length=9, verbose_name='role')),
                ('content', models.TextField(verbose_name='content')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('embedding', agi_site.lib.fields.EmbeddingField(blank=True, null=True, verbose_name='embedding')),
                ('metadata', models.JSONField(blank=True, null=True, verbose_name='metadata')),
                ('embedding_model', models.CharField(blank=True, editable=False, max_length=100, null=True, verbose_name='embedding model')),
                ('superseded_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='superseded at')),
                ('conversation', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='messages', to='conversations.conversation', verbose_name='conversation')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
                'db_table': 'message',
                'indexes': [models.Index(fields=['conversation', 'id'], name='message_page_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('role__in', ['user', 'assistant', 'system', 'tool'])), name='message_role_enum')],
            },
        ),
        migrations.CreateModel(
            name='Intent',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('name', models.CharField(db_index=True, max_length=100, verbose_name='name')),
                ('confidence', models.DecimalField(decimal_places=4, max_digits=5, verbose_name='confidence')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='intents', to='conversations.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'intent',
                'verbose_name_plural': 'intents',
                'db_table': 'intent',
                'constraints': [models.CheckConstraint(condition=models.Q(('confidence__range', (0, 1))), name='intent_confidence_range')],
            },
        ),
        migrations.CreateModel(
            name='Entity',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('name', models.CharField(db_index=True, max_length=100, verbose_name='name')),
                ('value', models.CharField(max_length=255, verbose_name='value')),
                ('type', models.CharField(db_index=True, max_length=50, verbose_name='type')),
                ('start_pos', models.IntegerField(blank=True, null=True, verbose_name='start pos')),
                ('end_pos', models.IntegerField(blank=True, null=True, verbose_name='end pos')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='entities', to='conversations.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'entity',
                'verbose_name_plural': 'entities',
                'db_table': 'entity',
            },
        ),
        migrations.CreateModel(
            name='MessageSearch',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('grams', agi_site.lib.fulltext.table.GramsField(verbose_name='grams')),
                ('length', models.PositiveIntegerField(verbose_name='number of terms')),
                ('message', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, related_name='search_row', to='conversations.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'message search row',
                'verbose_name_plural': 'message search rows',
                'db_table': 'message_search',
            },
        ),
        migrations.CreateModel(
            name='RecallReceipt',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('kind', agi_site.lib.fields.EnumField(choices=[('knowledge', 'knowledge'), ('memory', 'memory')], max_length=9, verbose_name='kind')),
                ('row_id', models.CharField(db_index=True, max_length=36, verbose_name='row')),
                ('number', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='citation number')),
                ('rank', models.PositiveSmallIntegerField(verbose_name='rank')),
                ('score', models.FloatField(verbose_name='score')),
                ('parts', models.JSONField(default=dict, verbose_name='score parts')),
                ('used', models.BooleanField(verbose_name='used in the prompt')),
                ('cited', models.BooleanField(db_default=False, default=False, verbose_name='cited')),
                ('tool', models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='tool')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='receipts', to='conversations.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'receipt of recall',
                'verbose_name_plural': 'receipts of recall',
                'db_table': 'recall_receipt',
                'constraints': [models.UniqueConstraint(fields=('message', 'kind', 'row_id'), name='recall_receipt_row_unique'), models.CheckConstraint(condition=models.Q(('kind__in', ['knowledge', 'memory'])), name='recall_receipt_kind_enum')],
            },
        ),
        migrations.CreateModel(
            name='Sentiment',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('score', models.DecimalField(decimal_places=4, max_digits=5, verbose_name='score')),
                ('label', agi_site.lib.fields.EnumField(choices=[('positive', 'positive'), ('negative', 'negative'), ('neutral', 'neutral'), ('mixed', 'mixed')], db_index=True, max_length=8, verbose_name='label')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='sentiments', to='conversations.message', verbose_name='message')),
            ],
            options={
                'verbose_name': 'sentiment',
                'verbose_name_plural': 'sentiments',
                'db_table': 'sentiment',
                'constraints': [models.CheckConstraint(condition=models.Q(('label__in', ['positive', 'negative', 'neutral', 'mixed'])), name='sentiment_label_enum'), models.CheckConstraint(condition=models.Q(('score__range', (-1, 1))), name='sentiment_score_range')],
            },
        ),
        AddFullText('MessageSearch'),
    ]
