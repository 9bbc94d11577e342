-- Names of people, flags and applications, by their ordinals.

-- 30 and 37 have no common divisor: all of the first 1,110 people have names of their own.
CREATE FUNCTION pg_temp.person_name(person bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{
        Ada,Bela,Carla,Dmitri,Elif,Farah,Goran,Hana,Ines,Jonas,
        Kofi,Lena,Mateo,Nadia,Oskar,Priya,Quentin,Rosa,Sven,Tomoko,
        Uma,Viktor,Wanda,Xenia,Yusuf,Zofia,Amir,Berit,Chen,Dalia
    }'::text[])[1 + person * 7 % 30] || ' ' || ('{
        Abel,Berg,Costa,Dahl,Eriksen,Fischer,Garcia,Horvat,Ito,Jansen,
        Kaya,Larsen,Moreau,Novak,Okafor,Petrov,Quist,Rossi,Silva,Tanaka,
        Ueda,Vargas,Weber,Xu,Yilmaz,Zeman,Almeida,Bakker,Conti,Diaz,
        Egger,Farkas,Greco,Haas,Ivanov,Jung,Kim
    }'::text[])[1 + person * 11 % 37]
$$;

CREATE FUNCTION pg_temp.person_email(person bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(lower(pg_temp.person_name(person)), ' ', '.') || '@example.com'
$$;

-- 7919 is prime: all of the first 9,600 flags have names of their own.
CREATE FUNCTION pg_temp.flag_name(flag bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{
        checkout,search,basket,login,invoice,profile,feed,map,chat,report,
        upload,price,stock,mail,push,refund,voucher,export,wishlist,review
    }'::text[])[1 + flag * 7919 % 20] || '-' || ('{
        new,fast,guided,dark,compact,async,smart,legacy,cached,inline,
        grouped,secure,local,batched,animated,sorted,shared,delayed,simple,live
    }'::text[])[1 + flag * 7919 / 20 % 20] || '-' || ('{
        flow,layout,engine,banner,filter,widget,ranking,limits,gateway,editor,tour,hints,
        retry,badge,import,timeline,preview,sync,menu,summary,scanner,picker,queue,theme
    }'::text[])[1 + flag * 7919 / 400 % 24]
$$;

CREATE FUNCTION pg_temp.app_name(app bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{
        checkout,shop,search,payment,account,pricing,shipping,catalogue,notification,identity,
        returns,support,campaign,reporting,subscription,fraud,store,voucher,media
    }'::text[])[1 + app % 19] || '-' || ('{api,web,worker,app}'::text[])[1 + app / 19 % 4]
$$;
