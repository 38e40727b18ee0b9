"""Migrations 0001 to 0002 in one step, for new databases: each altered table costs a start and a test."""

import accounts.models
import agi_site.lib.fields
import django.contrib.auth.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('accounts', '0001_initial'),
        ('accounts', '0002_webhooks'),
    ]

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('username', models.CharField(error_messages={'unique': 'This name is taken. Choose another.'}, max_length=100, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('password', models.CharField(db_column='password_hash', max_length=255, verbose_name='password')),
                ('email', models.EmailField(error_messages={'unique': 'This e-mail address belongs to another account. Use another.'}, max_length=100, unique=True, verbose_name='email')),
                ('nickname', models.CharField(max_length=50, verbose_name='nickname')),
                ('is_active', models.BooleanField(blank=True, db_default=True, db_index=True, default=True, null=True, verbose_name='is active')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('last_login', models.DateTimeField(blank=True, db_column='last_login_at', null=True, verbose_name='last login at')),
                ('language', models.CharField(blank=True, db_default='', default='', max_length=10, validators=[accounts.models.check_language], verbose_name='language')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'db_table': 'user',
            },
        ),
        migrations.CreateModel(
            name='Permission',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('description', models.TextField(blank=True, null=True, verbose_name='description')),
            ],
            options={
                'verbose_name': 'permission',
                'verbose_name_plural': 'permissions',
                'db_table': 'permission',
            },
        ),
        migrations.CreateModel(
            name='Role',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('name', models.CharField(max_length=50, unique=True, verbose_name='name')),
                ('description', models.TextField(blank=True, null=True, verbose_name='description')),
            ],
            options={
                'verbose_name': 'role',
                'verbose_name_plural': 'roles',
                'db_table': 'role',
            },
        ),
        migrations.CreateModel(
            name='RolePermission',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('assigned_at', agi_site.lib.fields.CreatedAtField(verbose_name='assigned at')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='role_permissions', to='accounts.permission', verbose_name='permission')),
                ('role', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='role_permissions', to='accounts.role', verbose_name='role')),
            ],
            options={
                'verbose_name': 'role permission',
                'verbose_name_plural': 'role permissions',
                'db_table': 'role_permissions',
                'constraints': [models.UniqueConstraint(fields=('role', 'permission'), name='role_permissions_role_permission_unique')],
            },
        ),
        migrations.AddField(
            model_name='role',
            name='permissions',
            field=models.ManyToManyField(related_name='roles', through='accounts.RolePermission', to='accounts.permission', verbose_name='permissions'),
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('token', agi_site.lib.fields.ExactCharField(max_length=255, unique=True, verbose_name='token')),
                ('ip_address', models.CharField(blank=True, max_length=45, null=True, verbose_name='ip address')),
                ('user_agent', models.CharField(blank=True, max_length=255, null=True, verbose_name='user agent')),
                ('created_at', agi_site.lib.fields.CreatedAtField(null=True, verbose_name='created at')),
                ('last_active', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='last active')),
                ('expires_at', models.DateTimeField(db_index=True, verbose_name='expires at')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'db_table': 'session',
            },
        ),
        migrations.CreateModel(
            name='UserRole',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False, verbose_name='id')),
                ('assigned_at', agi_site.lib.fields.CreatedAtField(verbose_name='assigned at')),
                ('role', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='user_roles', to='accounts.role', verbose_name='role')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='user_roles', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'user role',
                'verbose_name_plural': 'user roles',
                'db_table': 'user_roles',
                'constraints': [models.UniqueConstraint(fields=('user', 'role'), name='user_roles_user_role_unique')],
            },
        ),
        migrations.AddField(
            model_name='user',
            name='roles',
            field=models.ManyToManyField(related_name='users', through='accounts.UserRole', to='accounts.role', verbose_name='roles'),
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('url', models.CharField(max_length=500, verbose_name='URL')),
                ('description', models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='description')),
                ('events', models.JSONField(verbose_name='events')),
                ('secret', agi_site.lib.fields.SealedJSONField(editable=False, verbose_name='secret')),
                ('enabled', models.BooleanField(db_default=True, default=True, verbose_name='enabled')),
                ('failures', models.PositiveIntegerField(db_default=0, default=0, editable=False, verbose_name='failures in a row')),
                ('disabled_reason', models.CharField(blank=True, db_default='', default='', editable=False, max_length=500, verbose_name='why it is off')),
                ('created_at', agi_site.lib.fields.CreatedAtField(verbose_name='created at')),
                ('updated_at', agi_site.lib.fields.UpdatedAtField(null=True, verbose_name='updated at')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='webhooks', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'webhook',
                'verbose_name_plural': 'webhooks',
                'db_table': 'webhook',
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', agi_site.lib.fields.UUIDKey(serialize=False)),
                ('event', models.CharField(max_length=101, verbose_name='event')),
                ('payload', models.JSONField(verbose_name='payload')),
                ('status', agi_site.lib.fields.EnumField(choices=[('pending', 'waiting'), ('delivered', 'delivered'), ('failed', 'failed')], db_default='pending', default='pending', max_length=9, verbose_name='status')),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='attempts')),
                ('response_status', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='response status')),
                ('response_head', models.TextField(blank=True, null=True, verbose_name='response')),
                ('error_message', models.TextField(blank=True, null=True, verbose_name='error message')),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True, verbose_name='next attempt at')),
                ('created_at', agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name='created at')),
                ('completed_at', models.DateTimeField(blank=True, null=True, verbose_name='completed at')),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='deliveries', to='accounts.webhook', verbose_name='webhook')),
            ],
            options={
                'verbose_name': 'webhook delivery',
                'verbose_name_plural': 'webhook deliveries',
                'db_table': 'webhook_delivery',
                'indexes': [models.Index(fields=['webhook', 'id'], name='webhook_delivery_history_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'delivered', 'failed'])), name='webhook_delivery_status_enum')],
            },
        ),
    ]
